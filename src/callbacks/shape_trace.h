#pragma once

#include <ATen/core/ivalue.h>
#include <ATen/record_function.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace bolt {

/// Watches the operations of this thread for as long as it lives, and tells by
/// the weights that they use which module they belong to.
class ShapeTrace {
 public:
  using Sizes = std::vector<int64_t>;

  /// What was seen of a module; sizes only of one that is a single operation.
  struct Seen {
    std::optional<Sizes> in{};
    std::optional<Sizes> out{};
    int64_t flops = 0;
  };

  explicit ShapeTrace(const std::vector<torch::nn::Module*>& modules);
  ~ShapeTrace();
  ShapeTrace(const ShapeTrace&) = delete;
  ShapeTrace& operator=(const ShapeTrace&) = delete;

  Seen of(const torch::nn::Module* module) const;
  /// Of all operations, whoever they belong to. Counted are matrix products,
  /// convolutions and attention, a multiplication and an addition as two, as
  /// torch.utils.flop_counter does.
  int64_t total_flops() const { return total_flops_; }

 private:
  struct Operation;

  static std::unique_ptr<at::ObserverContext> on_start(
      const at::RecordFunction& function);
  static void on_end(const at::RecordFunction& function,
                     at::ObserverContext* context);
  void note_shapes(const Operation& operation,
                   const at::RecordFunction& function);
  void note_flops(const Operation& operation,
                  const at::RecordFunction& function);

  std::unordered_map<const void*, const torch::nn::Module*> owners_{};
  std::unordered_map<const torch::nn::Module*, Seen> seen_{};
  // Modules whose operation runs now, outer ones first.
  std::vector<const torch::nn::Module*> active_{};
  int64_t total_flops_ = 0;
  ShapeTrace* before_;
  at::CallbackHandle handle_;
};

/// Whether such a module's forward is one operation on its input, with its
/// weights.
bool is_one_operation(const torch::nn::Module& module);
/// Whether what such a module gives has the shape of what it takes.
bool keeps_shape(const torch::nn::Module& module);

}  // namespace bolt
