#pragma once

#include <ATen/core/Tensor.h>
#include <torchbolt/data/batch.h>
#include <torchbolt/engine/options.h>
#include <torchbolt/engine/precision_plugin.h>
#include <torchbolt/export.h>

#include <functional>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace torch::nn {
class Module;
}
namespace torch::optim {
class Optimizer;
}

namespace bolt {

/// Settings of a Fabric; the Trainer's arguments of the same names.
struct FabricOptions {
  Accelerator accelerator = Accelerator::kAuto;
  Devices devices{};
  Strategy strategy = Strategy::kAuto;
  Precision precision = Precision::k32True;
  /// One of your own, in place of `precision`.
  std::vector<PrecisionHandle> plugins{};
};

/// Devices, precision and processes for people who keep their own training
/// loop; the Trainer's loops run on the same object. It alone knows device
/// names. Not thread-safe.
///
///     bolt::Fabric fabric({.accelerator = bolt::Accelerator::kCPU});
///     fabric.setup(*net);
///     for (auto batch : batches) {
///       fabric.to_device(batch.data);
///       at::Tensor loss;
///       {
///         const auto autocast = fabric.autocast();
///         loss = F::mse_loss(net->forward(batch.data), batch.target);
///       }
///       fabric.zero_grad(optimizer);
///       fabric.backward(loss);
///       fabric.clip_gradients(optimizer, 1.0);
///       fabric.step(optimizer);
///     }
class TORCHBOLT_API Fabric {
 public:
  /// Throws ConfigError when the options can't be met on this machine.
  explicit Fabric(FabricOptions options = {});
  ~Fabric();
  Fabric(const Fabric&) = delete;
  Fabric& operator=(const Fabric&) = delete;

  /// The device of this process.
  const at::Device& device() const { return device_; }
  Accelerator accelerator() const { return accelerator_; }
  /// What it came to: 16-mixed may have become bf16-mixed.
  Precision precision() const {
    return plugin_ != nullptr ? plugin_->precision() : Precision::k32True;
  }
  /// The plug-in of that precision; null for 32-true.
  PrecisionPlugin* precision_plugin() const { return plugin_.get(); }
  int64_t world_size() const { return 1; }
  int64_t global_rank() const { return 0; }
  int64_t local_rank() const { return 0; }
  bool is_global_zero() const { return global_rank() == 0; }

  /// Moves a module to the device, in the right number format. Its optimizers
  /// may be made before or after.
  void setup(torch::nn::Module& module);
  /// Moves a module back to the CPU, so that its memory elsewhere is freed.
  void release(torch::nn::Module& module);

  /// Moves a batch, or a tensor, to the device, in the right number format.
  /// @{
  void to_device(AnyBatch& batch) const;
  void to_device(at::Tensor& tensor) const;
  /// @}
  /// Puts a batch into the right number format, where it is.
  void convert_input(AnyBatch& batch) const;

  /// Forward passes belong in its scope: it sets up the precision of their
  /// operations. Null, and nothing to do, for 32-true.
  [[nodiscard]] std::unique_ptr<PrecisionContext> autocast() const {
    return plugin_ != nullptr ? plugin_->forward_context() : nullptr;
  }

  /// Gradients of `loss` into the parameters; under 16-mixed they are scaled
  /// until they are clipped, or used by a step.
  void backward(const at::Tensor& loss) const;
  /// Lets go of the optimizer's gradients.
  void zero_grad(torch::optim::Optimizer& optimizer) const;
  /// Clips the gradients of the optimizer's parameters in place. Gives back
  /// their norm before (0-d, on their device); undefined by value, and without
  /// gradients.
  at::Tensor clip_gradients(
      torch::optim::Optimizer& optimizer, double value,
      ClipAlgorithm algorithm = ClipAlgorithm::kNorm) const;
  /// One step of the optimizer; with a closure, it computes the gradients
  /// itself by calling that, once or several times. Under 16-mixed a step whose
  /// gradients overflowed is skipped. Throws ConfigError for LBFGS there.
  void step(torch::optim::Optimizer& optimizer,
            const std::function<at::Tensor()>& closure = {}) const;

  /// {"MixedPrecision": …}: what a checkpoint keeps of the precision plug-in,
  /// under the key that it has in Lightning's checkpoints; an empty map where
  /// there is nothing.
  State state() const;
  /// Takes what `state()` gave, or a map that has its keys; others are left
  /// alone.
  void load_state(const State& state);

  /// Waits for all processes.
  void barrier(std::string_view name = {}) const { (void)name; }
  /// True on all processes when it is true on any (or on all).
  bool any(bool decision) const { return decision; }
  bool all(bool decision) const { return decision; }

 private:
  FabricOptions options_;
  Accelerator accelerator_;
  at::Device device_;
  std::shared_ptr<PrecisionPlugin> plugin_{};
};

}  // namespace bolt
