#include "trainer/automatic_optimization.h"

#include <ATen/ATen.h>
#include <torch/optim/optimizer.h>
#include <torchbolt/core/error.h>

#include <utility>

#include "trainer/checks.h"
#include "trainer/core.h"

namespace bolt::detail {

AutomaticOptimization::AutomaticOptimization(TrainerCore& core)
    : core_(core), step_closure_([this] { return step_closure(); }) {}

StepOutput AutomaticOptimization::run(const AnyBatch& batch, StepContext& step,
                                      bool accumulate) {
  // The closure's: it outlives the step where somebody keeps it.
  struct Clear {
    StepContext*& step;
    ~Clear() { step = nullptr; }
  } const clear{step_};
  batch_ = &batch;
  step_ = &step;
  if (accumulate) {
    closure();
  } else {
    step_optimizer();
  }
  return std::exchange(output_, {});
}

void AutomaticOptimization::step_optimizer() {
  core_.progress.optimizer_steps.increment_ready();
  closure_ran_ = false;
  core_.hook_module(Hook::kOptimizerStep, [&](Module& m) {
    m.optimizer_step(core_.progress.epochs.current.completed, step_->batch_idx,
                     *core_.optimizers.front(), step_closure_);
  });
  if (!closure_ran_) {
    throw ConfigError({.where = "optimizer_step",
                       .what = "the closure was not called, so that nothing "
                               "was trained",
                       .tip = "call optimizer.step(closure), or closure() "
                              "before optimizer.step()"});
  }
  core_.progress.optimizer_steps.increment_completed();
}

// What the optimizer calls to get gradients that are ready to use.
at::Tensor AutomaticOptimization::step_closure() {
  at::Tensor loss = closure();
  torch::optim::Optimizer& optimizer = *core_.optimizers.front();
  core_.hook(Hook::kOnBeforeOptimizerStep, &Callback::on_before_optimizer_step,
             &Module::on_before_optimizer_step, optimizer);
  core_.hook_module(Hook::kConfigureGradientClipping, [&](Module& m) {
    m.configure_gradient_clipping(optimizer, core_.options.gradient_clip_val,
                                  core_.options.gradient_clip_algorithm);
  });
  return loss;
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
  backward();
  return output_.loss();
}

void AutomaticOptimization::compute_loss() {
  output_ = {};
  {
    const HookScope scope(*core_.module, Hook::kTrainingStep);
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
  if (step_->batch_idx % core_.options.accumulate_grad_batches != 0) return;
  torch::optim::Optimizer& optimizer = *core_.optimizers.front();
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

void AutomaticOptimization::backward() {
  core_.hook(Hook::kOnBeforeBackward, &Callback::on_before_backward,
             &Module::on_before_backward, output_.loss());
  core_.hook_module(Hook::kBackward,
                    [&](Module& m) { m.backward(output_.loss()); });
  core_.hook(Hook::kOnAfterBackward, &Callback::on_after_backward,
             &Module::on_after_backward);
  output_.detach();
}

}  // namespace bolt::detail
