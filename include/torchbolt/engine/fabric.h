#pragma once

#include <ATen/core/Tensor.h>
#include <torchbolt/data/batch.h>
#include <torchbolt/engine/options.h>
#include <torchbolt/export.h>

#include <functional>
#include <memory>
#include <string_view>
#include <utility>

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
};

/// Devices, precision and processes for people who keep their own training
/// loop; the Trainer's loops run on the same object. It alone knows device
/// names. Not thread-safe.
///
///     bolt::Fabric fabric({.accelerator = bolt::Accelerator::kCPU});
///     fabric.setup(*net);
///     for (auto batch : batches) {
///       fabric.to_device(batch.data);
///       auto loss = F::mse_loss(net->forward(batch.data), batch.target);
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
  Precision precision() const { return options_.precision; }
  int64_t world_size() const { return 1; }
  int64_t global_rank() const { return 0; }
  int64_t local_rank() const { return 0; }
  bool is_global_zero() const { return global_rank() == 0; }

  /// Moves a module to the device, in the right number format.
  void setup(torch::nn::Module& module);
  /// Moves a module back to the CPU, so that its memory elsewhere is freed.
  void release(torch::nn::Module& module);

  /// Moves a batch, or a tensor, to the device.
  void to_device(AnyBatch& batch) const { batch.to(device_); }
  void to_device(at::Tensor& tensor) const;

  /// Gradients of `loss` into the parameters.
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
  /// itself by calling that, once or several times.
  void step(torch::optim::Optimizer& optimizer,
            const std::function<at::Tensor()>& closure = {}) const;

  /// Waits for all processes.
  void barrier(std::string_view name = {}) const { (void)name; }
  /// True on all processes when it is true on any (or on all).
  bool any(bool decision) const { return decision; }
  bool all(bool decision) const { return decision; }

 private:
  FabricOptions options_;
  Accelerator accelerator_;
  at::Device device_;
};

}  // namespace bolt
