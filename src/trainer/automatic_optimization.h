#pragma once

#include <ATen/core/Tensor.h>
#include <torchbolt/data/batch.h>
#include <torchbolt/engine/precision_plugin.h>
#include <torchbolt/trainer/step.h>

#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

namespace bolt::detail {

class TrainerCore;

/// What the training loop does with a batch when the Trainer optimizes: the
/// training step, the backward pass, and the step of the optimizer.
class AutomaticOptimization {
 public:
  explicit AutomaticOptimization(TrainerCore& core);

  /// What the step gave; it stays here until `release()`.
  const StepOutput& run(const AnyBatch& batch, StepContext& step);
  /// Lets go of the output.
  void release() { output_ = {}; }

 private:
  void step_optimizer();
  void keep_window();
  void restore_window();
  void step_several();
  void step_one_of_several(std::size_t k);
  void average(std::size_t k);
  void call_hook(std::size_t k, const std::function<at::Tensor()>& closure);
  void prepare_gradients(std::size_t k);
  at::Tensor closure();
  at::Tensor step_closure();
  void compute_loss();
  void zero_grad();

  TrainerCore& core_;

  // The batch at work.
  const AnyBatch* batch_ = nullptr;
  StepContext* step_ = nullptr;
  StepOutput output_{};
  PrecisionPlugin* precision_ = nullptr;  // null: 32-true
  bool closure_ran_ = false;
  std::function<at::Tensor()> step_closure_{};
  // Parameters, and what the window's earlier batches left in their gradients;
  // for an optimizer that evaluates the last batch several times.
  std::vector<std::pair<at::Tensor, at::Tensor>> window_{};
};

}  // namespace bolt::detail
