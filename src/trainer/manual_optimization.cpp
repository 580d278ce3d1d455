#include "trainer/manual_optimization.h"

#include <ATen/ATen.h>
#include <torch/optim/optimizer.h>
#include <torchbolt/core/error.h>

#include "optim/is_lbfgs.h"
#include "optim/parameter_set.h"
#include "trainer/checks.h"
#include "trainer/core.h"

namespace bolt::detail {
namespace {

using optim::detail::parameters_of;
using optim::detail::ParameterSet;

}  // namespace

const StepOutput& ManualOptimization::run(const AnyBatch& batch,
                                          StepContext& step) {
  // Steps count inside of the training step only.
  struct Running {
    bool& flag;
    explicit Running(bool& running) : flag(running) { flag = true; }
    ~Running() { flag = false; }
  } const running(running_);
  batch_idx_ = step.batch_idx;
  const HookScope scope(*core_.module, Hook::kTrainingStep);
  const auto autocast = core_.fabric.autocast();
  output_ = ((*core_.module).*TrainerAccess::training_step)(batch, step);
  output_.detach();
  return output_;
}

at::Tensor ManualOptimization::step(
    torch::optim::Optimizer& optimizer,
    const std::function<at::Tensor()>& closure) {
  if (!closure && optim::detail::is_lbfgs(optimizer)) {
    throw ConfigError({.where = "optimizer.step",
                       .what = "LBFGS evaluates the loss several times a step "
                               "and needs a closure",
                       .tip = "optimizer.step([&] { optimizer.zero_grad(); "
                              "auto loss = …; manual_backward(loss); return "
                              "loss; })"});
  }
  Progress& steps = core_.progress.manual_steps;
  if (running_) steps.increment_ready();
  at::Tensor first;
  core_.fabric.step(optimizer, [&] {
    const at::AutoGradMode grad(true);
    at::Tensor loss = closure ? closure() : at::Tensor();
    if (!first.defined()) first = loss;
    PrecisionPlugin* const precision = core_.fabric.precision_plugin();
    if (precision == nullptr || precision->unscale_gradients(optimizer)) {
      check_gradients(optimizer, core_, batch_idx_);
    }
    core_.hook(Hook::kOnBeforeOptimizerStep,
               &Callback::on_before_optimizer_step,
               &Module::on_before_optimizer_step, optimizer);
    return loss;
  });
  if (running_) steps.increment_completed();
  return first;
}

void ManualOptimization::zero_grad(torch::optim::Optimizer& optimizer) {
  core_.fabric.zero_grad(optimizer);
}

void ManualOptimization::toggle(torch::optim::Optimizer& optimizer) {
  if (toggled_optimizer_ != nullptr) {
    throw ConfigError({.where = "toggle_optimizer",
                       .what = "an optimizer is toggled already",
                       .tip =
                           "call untoggle_optimizer() before, or use "
                           "toggled_optimizer(), which ends with its scope"});
  }
  const ParameterSet own = parameters_of(optimizer);
  ParameterSet seen;
  for (const auto& each : core_.optimizers) {
    for (auto& group : each->param_groups()) {
      for (at::Tensor& parameter : group.params()) {
        if (!seen.insert(parameter.unsafeGetTensorImpl()).second) continue;
        toggled_.push_back({parameter, parameter.requires_grad()});
      }
    }
  }
  for (const at::TensorImpl* parameter : own) {
    if (seen.contains(parameter)) continue;
    toggled_.clear();
    throw ConfigError({.where = "toggle_optimizer",
                       .what = "the optimizer is none of the fit's",
                       .tip = "return it from configure_optimizers()"});
  }
  toggled_optimizer_ = &optimizer;
  for (Toggled& each : toggled_) {
    if (own.contains(each.parameter.unsafeGetTensorImpl())) continue;
    each.parameter.set_requires_grad(false);
  }
}

// What the toggled optimizer's own parameters are by now, stays.
void ManualOptimization::untoggle(torch::optim::Optimizer& optimizer) {
  if (toggled_optimizer_ == nullptr) return;
  if (!is_toggled(optimizer)) {
    throw ConfigError({.where = "untoggle_optimizer",
                       .what = "another optimizer is toggled",
                       .tip = "give it the one that toggle_optimizer() got"});
  }
  const ParameterSet own = parameters_of(optimizer);
  for (Toggled& each : toggled_) {
    if (own.contains(each.parameter.unsafeGetTensorImpl())) continue;
    each.parameter.set_requires_grad(each.required_grad);
  }
  toggled_.clear();
  toggled_optimizer_ = nullptr;
}

void ManualOptimization::untoggle_all() {
  for (Toggled& each : toggled_) {
    each.parameter.set_requires_grad(each.required_grad);
  }
  toggled_.clear();
  toggled_optimizer_ = nullptr;
  sync_blocked_ = false;
}

}  // namespace bolt::detail
