#include <ATen/ATen.h>
#include <torch/nn/module.h>
#include <torch/optim/optimizer.h>
#include <torchbolt/core/error.h>
#include <torchbolt/engine/fabric.h>
#include <torchbolt/optim/clip.h>

#include <string>

#include "engine/accelerator.h"

namespace bolt {
namespace {

void check(const FabricOptions& options) {
  const auto later = [](std::string_view argument, std::string_view value) {
    throw ConfigError({.where = std::string(argument),
                       .what = "this value is not there yet; it comes with a "
                               "later version",
                       .got = "\"" + std::string(value) + "\""});
  };
  if (options.strategy != Strategy::kAuto &&
      options.strategy != Strategy::kSingleDevice) {
    later("strategy", to_string(options.strategy));
  }
  if (options.precision != Precision::k32True) {
    later("precision", to_string(options.precision));
  }
}

}  // namespace

Fabric::Fabric(FabricOptions options)
    : options_(std::move(options)),
      accelerator_(Accelerator::kCPU),
      device_(at::kCPU) {
  check(options_);
  const auto choice =
      detail::choose_device(options_.accelerator, options_.devices);
  accelerator_ = choice.accelerator;
  device_ = choice.device;
}

Fabric::~Fabric() = default;

void Fabric::setup(torch::nn::Module& module) {
  // Also to the CPU: the module may have been left elsewhere.
  for (const at::Tensor& parameter : module.parameters()) {
    if (parameter.device() == device_) continue;
    module.to(device_);
    return;
  }
  if (!device_.is_cpu()) module.to(device_);  // buffers alone
}

void Fabric::release(torch::nn::Module& module) {
  if (!device_.is_cpu()) module.to(at::kCPU);
}

void Fabric::to_device(at::Tensor& tensor) const {
  detail::move_leaf(tensor, device_);
}

void Fabric::backward(const at::Tensor& loss) const { loss.backward(); }

void Fabric::zero_grad(torch::optim::Optimizer& optimizer) const {
  // Not Optimizer::zero_grad(), which detaches gradients first and so refuses
  // those that are views of a reduction's buckets.
  for (auto& group : optimizer.param_groups()) {
    for (at::Tensor& parameter : group.params()) {
      parameter.mutable_grad().reset();
    }
  }
}

at::Tensor Fabric::clip_gradients(torch::optim::Optimizer& optimizer,
                                  double value, ClipAlgorithm algorithm) const {
  const std::vector<at::Tensor> gradients = optim::gradients(optimizer);
  if (algorithm == ClipAlgorithm::kNorm) {
    return optim::clip_grad_norm(gradients, value);
  }
  optim::clip_grad_value(gradients, value);
  return {};
}

void Fabric::step(torch::optim::Optimizer& optimizer,
                  const std::function<at::Tensor()>& closure) const {
  if (closure) {
    optimizer.step(closure);
  } else {
    optimizer.step();
  }
}

}  // namespace bolt
