#pragma once

#include <ATen/core/Tensor.h>
#include <torchbolt/export.h>
#include <torchbolt/state/state.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bolt {

/// Tensors by name, in order: what a step hands on besides its loss.
class TORCHBOLT_API Outputs {
 public:
  using Item = std::pair<std::string, at::Tensor>;

  Outputs() = default;
  Outputs(std::initializer_list<Item> items) : items_(items) {}

  /// The tensor of that name, made undefined when it isn't there yet.
  at::Tensor& operator[](std::string_view name);
  /// The tensor of that name, or null.
  const at::Tensor* find(std::string_view name) const;
  const std::vector<Item>& items() const { return items_; }
  bool empty() const { return items_.empty(); }
  void clear() { items_.clear(); }

 private:
  std::vector<Item> items_{};
};

/// What `training_step` returns: the loss, or the loss and more. Without a loss
/// (`return {};`, or an undefined tensor) there is no backward pass.
///
///     return loss;
///     return {loss, {{"logits", logits}}};
class TORCHBOLT_API StepOutput {
 public:
  StepOutput() = default;
  StepOutput(at::Tensor loss) : loss_(std::move(loss)) {}
  StepOutput(at::Tensor loss, Outputs extra)
      : loss_(std::move(loss)), extra_(std::move(extra)) {}

  /// Scalar; undefined when there is none. Hooks after the step see it
  /// detached, and divided by `accumulate_grad_batches`.
  const at::Tensor& loss() const { return loss_; }
  const Outputs& extra() const { return extra_; }
  /// Lets go of the loss's graph.
  void detach();

 private:
  at::Tensor loss_{};
  Outputs extra_{};
};

/// Where a step or batch hook stands.
struct StepContext {
  /// Index of the batch in this epoch, or in this loader when evaluating.
  int64_t batch_idx = 0;
  /// Which of several evaluation loaders it comes from.
  int64_t dataloader_idx = 0;
  /// How many loaders the stage has.
  int64_t num_dataloaders = 1;
  /// What an evaluation step hands to `on_*_batch_end`. Set it in the step.
  Outputs outputs{};
  /// Set it in the module's `on_train_batch_start` to leave out this batch and
  /// the rest of the epoch.
  bool skip_epoch = false;
};

/// What `predict_step` returns: a tensor, or a list, tuple or map of them.
using Prediction = State;

}  // namespace bolt
