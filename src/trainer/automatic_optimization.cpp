#include "trainer/automatic_optimization.h"

#include <ATen/ATen.h>
#include <torch/optim/optimizer.h>
#include <torchbolt/core/error.h>
#include <torchbolt/optim/clip.h>

#include <utility>
#include <vector>

#include "engine/precision_step.h"
#include "optim/is_lbfgs.h"
#include "trainer/checks.h"
#include "trainer/core.h"
#include "trainer/fit_loop.h"

namespace bolt::detail {

AutomaticOptimization::AutomaticOptimization(TrainerCore& core)
    : core_(core), step_closure_([this] { return step_closure(); }) {}

const StepOutput& AutomaticOptimization::run(const AnyBatch& batch,
                                             StepContext& step) {
  // The closure's: it outlives the step where somebody keeps it.
  struct Clear {
    AutomaticOptimization& of;
    ~Clear() {
      of.step_ = nullptr;
      of.window_.clear();
    }
  } const clear{*this};
  batch_ = &batch;
  step_ = &step;
  precision_ = core_.fabric.precision_plugin();
  if (core_.forward_only) {
    compute_loss();
    output_.detach();
  } else if (core_.fit_loop->should_accumulate()) {
    closure();
  } else if (core_.optimizer_entries.size() == 1 &&
             core_.optimizer_entries.front().every_n_batches == 1) {
    step_optimizer();
  } else {
    step_several();
  }
  return output_;
}

// -- one optimizer: all that a step needs runs in its closure ----------------

void AutomaticOptimization::step_optimizer() {
  core_.progress.optimizer_steps.increment_ready();
  keep_window();
  call_hook(0, step_closure_);
  if (precision_ != nullptr) precision_->update();
  core_.progress.optimizer_steps.increment_completed();
}

// LBFGS runs the window's last batch several times, and its earlier ones count
// once each time.
void AutomaticOptimization::keep_window() {
  torch::optim::Optimizer& optimizer = *core_.optimizers.front();
  if (step_->batch_idx % core_.window(0) == 0 ||
      !optim::detail::is_lbfgs(optimizer)) {
    return;
  }
  for (const auto& group : optimizer.param_groups()) {
    for (const at::Tensor& parameter : group.params()) {
      const at::Tensor& gradient = parameter.grad();
      window_.emplace_back(parameter,
                           gradient.defined() ? gradient.clone() : gradient);
    }
  }
}

void AutomaticOptimization::restore_window() {
  for (auto& [parameter, gradient] : window_) {
    parameter.mutable_grad() = gradient.defined() ? gradient.clone() : gradient;
  }
}

// What the optimizer calls to get gradients that are ready to use.
at::Tensor AutomaticOptimization::step_closure() {
  restore_window();
  at::Tensor loss = closure();
  prepare_gradients(0);
  return loss;
}

// -- several, or one at a cadence: one backward pass for all -----------------

void AutomaticOptimization::step_several() {
  closure();
  core_.progress.optimizer_steps.increment_ready();
  for (std::size_t k = 0; k < core_.optimizers.size(); ++k) {
    if (core_.fit_loop->steps_now(k)) step_one_of_several(k);
  }
  // Gradients that are still being summed up share one scale.
  if (precision_ != nullptr && !core_.fit_loop->inside_window()) {
    precision_->update();
  }
  core_.progress.optimizer_steps.increment_completed();
}

void AutomaticOptimization::step_one_of_several(std::size_t k) {
  average(k);
  bool called = false;
  call_hook(k, [&] {
    if (std::exchange(called, true)) {
      throw ConfigError(
          {.where = "optimizer_step",
           .what = "an optimizer that evaluates the loss several times a step "
                   "can't share the batch's backward pass",
           .got = describe_optimizer(core_.optimizer_entries[k].name, k),
           .tip = "use it alone and without every_n_batches, or under manual "
                  "optimization"});
    }
    closure_ran_ = true;
    prepare_gradients(k);
    return output_.loss();
  });
}

// The gradients of the optimizer's own window were summed up.
void AutomaticOptimization::average(std::size_t k) {
  const int64_t batches = core_.optimizer_entries[k].every_n_batches;
  if (batches == 1) return;
  const std::vector<at::Tensor> gradients =
      optim::gradients(*core_.optimizers[k]);
  if (gradients.empty()) return;
  const at::NoGradGuard no_grad;
  at::_foreach_div_(gradients, static_cast<double>(batches));
}

// -- what they share ---------------------------------------------------------

void AutomaticOptimization::call_hook(
    std::size_t k, const std::function<at::Tensor()>& closure) {
  closure_ran_ = false;
  const PrecisionStep step(precision_, *core_.optimizers[k]);
  core_.hook_module(Hook::kOptimizerStep, [&](Module& m) {
    m.optimizer_step(core_.progress.epochs.current.completed, step_->batch_idx,
                     *core_.optimizers[k], closure);
  });
  if (closure_ran_) return;
  throw ConfigError({.where = "optimizer_step",
                     .what = "the closure was not called, so that nothing "
                             "was trained",
                     .tip = "call optimizer.step(closure), or closure() "
                            "before optimizer.step()"});
}

void AutomaticOptimization::prepare_gradients(std::size_t k) {
  torch::optim::Optimizer& optimizer = *core_.optimizers[k];
  // Without a loss there are none to unscale; where some overflowed, the step
  // will be skipped.
  if (precision_ == nullptr || !output_.loss().defined() ||
      precision_->unscale_gradients(optimizer)) {
    check_gradients(optimizer, core_, step_->batch_idx);
  }
  core_.hook(Hook::kOnBeforeOptimizerStep, &Callback::on_before_optimizer_step,
             &Module::on_before_optimizer_step, optimizer);
  const auto [clip_val, by] = core_.clip_settings(optimizer);
  core_.hook_module(Hook::kConfigureGradientClipping, [&](Module& m) {
    m.configure_gradient_clipping(optimizer, clip_val, by);
  });
  if (precision_ == nullptr) return;
  if (output_.loss().defined()) {
    precision_->begin_step(optimizer);
  } else {
    precision_->begin_step_without_loss(optimizer);
  }
}

at::Tensor AutomaticOptimization::closure() {
  if (step_ == nullptr) {
    throw ConfigError({.where = "optimizer_step",
                       .what = "the closure was called after its step",
                       .tip = "call it in optimizer_step only"});
  }
  const at::AutoGradMode grad(true);
  closure_ran_ = true;
  compute_loss();
  zero_grad();
  if (!output_.loss().defined()) return {};
  core_.backward(output_.loss());
  output_.detach();
  return output_.loss();
}

void AutomaticOptimization::compute_loss() {
  output_ = {};
  {
    const HookScope scope(*core_.module, Hook::kTrainingStep);
    const auto autocast = core_.fabric.autocast();
    output_ = ((*core_.module).*TrainerAccess::training_step)(*batch_, *step_);
  }
  if (!output_.loss().defined()) {
    core_.once.warning(
        "[training_step] returned no loss; the step is made without one");
    return;
  }
  check_loss(output_.loss(), core_, step_->batch_idx);
  const int64_t batches = core_.options.accumulate_grad_batches;
  if (batches != 1) {
    output_ = StepOutput(output_.loss() / batches, output_.extra());
  }
}

void AutomaticOptimization::zero_grad() {
  for (std::size_t k = 0; k < core_.optimizers.size(); ++k) {
    if (step_->batch_idx % core_.window(k) != 0) continue;
    torch::optim::Optimizer& optimizer = *core_.optimizers[k];
    Progress& zero_grads = core_.progress.zero_grads;
    zero_grads.increment_ready();
    core_.hook(Hook::kOnBeforeZeroGrad, &Callback::on_before_zero_grad,
               &Module::on_before_zero_grad, optimizer);
    zero_grads.increment_started();
    core_.hook_module(Hook::kOptimizerZeroGrad, [&](Module& m) {
      m.optimizer_zero_grad(core_.progress.epochs.current.completed,
                            step_->batch_idx, optimizer);
    });
    zero_grads.increment_completed();
  }
}

}  // namespace bolt::detail
