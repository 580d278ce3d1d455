#pragma once

#include <ATen/core/Tensor.h>
#include <torchbolt/data/batch.h>
#include <torchbolt/trainer/step.h>

#include <functional>

namespace bolt::detail {

class TrainerCore;

/// What the training loop does with a batch when the Trainer optimizes: the
/// training step, the backward pass, and the step of the optimizer.
class AutomaticOptimization {
 public:
  explicit AutomaticOptimization(TrainerCore& core);

  /// The batch's step; `accumulate`: gradients only.
  StepOutput run(const AnyBatch& batch, StepContext& step, bool accumulate);
  /// Lets go of what an exception left here.
  void release() { output_ = {}; }

 private:
  void step_optimizer();
  at::Tensor closure();
  at::Tensor step_closure();
  void compute_loss();
  void zero_grad();
  void backward();

  TrainerCore& core_;

  // The batch at work.
  const AnyBatch* batch_ = nullptr;
  StepContext* step_ = nullptr;
  StepOutput output_{};
  bool closure_ran_ = false;
  std::function<at::Tensor()> step_closure_{};
};

}  // namespace bolt::detail
