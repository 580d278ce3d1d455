#pragma once

#include <ATen/core/Tensor.h>
#include <torchbolt/data/batch.h>
#include <torchbolt/trainer/step.h>

#include <functional>
#include <utility>
#include <vector>

namespace bolt::detail {

class TrainerCore;

/// What the training loop does with a batch when the module optimizes: the
/// training step alone, and what that calls.
class ManualOptimization {
 public:
  explicit ManualOptimization(TrainerCore& core) : core_(core) {}

  /// What the step gave; it stays here until `release()`.
  const StepOutput& run(const AnyBatch& batch, StepContext& step);

  at::Tensor step(torch::optim::Optimizer& optimizer,
                  const std::function<at::Tensor()>& closure);
  void zero_grad(torch::optim::Optimizer& optimizer);
  void toggle(torch::optim::Optimizer& optimizer);
  void untoggle(torch::optim::Optimizer& optimizer);
  bool is_toggled(const torch::optim::Optimizer& optimizer) const {
    return toggled_optimizer_ == &optimizer;
  }
  /// Lets go of the output.
  void release() { output_ = {}; }
  /// Undoes a toggle that an exception left behind.
  void untoggle_all();

  /// Whether gradients stay in this process.
  bool& sync_blocked() { return sync_blocked_; }

 private:
  struct Toggled {
    at::Tensor parameter;
    bool required_grad;
  };

  TrainerCore& core_;
  StepOutput output_{};
  bool running_ = false;
  int64_t batch_idx_ = 0;
  bool sync_blocked_ = false;
  // While an optimizer is toggled: all optimizers' parameters as they were.
  std::vector<Toggled> toggled_{};
  const torch::optim::Optimizer* toggled_optimizer_ = nullptr;
};

}  // namespace bolt::detail
