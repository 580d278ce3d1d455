#include <ATen/ATen.h>
#include <torch/nn/module.h>
#include <torch/optim/optimizer.h>
#include <torchbolt/core/error.h>
#include <torchbolt/engine/fabric.h>
#include <torchbolt/engine/precision.h>
#include <torchbolt/optim/clip.h>

#include <string>

#include "engine/accelerator.h"
#include "engine/precision_step.h"

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
  const auto refuse = [](std::string what, std::string tip) {
    throw ConfigError(
        {.where = "plugins", .what = std::move(what), .tip = std::move(tip)});
  };
  const auto& plugins = options.plugins;
  if (plugins.size() > 1) {
    refuse("there is more than one precision plug-in", "pass one");
  }
  if (plugins.empty()) return;
  if (options.precision != Precision::k32True) {
    refuse("precision=\"" + std::string(to_string(options.precision)) +
               "\" and a precision plug-in say the same thing",
           "set it in one of the two places");
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
  plugin_ = options_.plugins.empty() ? make_precision(options_.precision)
                                     : options_.plugins.front().instance();
  if (plugin_ != nullptr) plugin_->setup(device_);
}

Fabric::~Fabric() = default;

void Fabric::setup(torch::nn::Module& module) {
  if (plugin_ != nullptr) plugin_->convert_module(module);
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

void Fabric::to_device(AnyBatch& batch) const {
  convert_input(batch);
  batch.to(device_);
}

void Fabric::to_device(at::Tensor& tensor) const {
  if (plugin_ != nullptr && tensor.defined()) {
    tensor = plugin_->convert_input(tensor);
  }
  detail::move_leaf(tensor, device_);
}

void Fabric::convert_input(AnyBatch& batch) const {
  if (plugin_ == nullptr) return;
  batch.map([this](const at::Tensor& tensor) {
    return plugin_->convert_input(tensor);
  });
}

void Fabric::backward(const at::Tensor& loss) const {
  if (plugin_ == nullptr) {
    loss.backward();
    return;
  }
  const at::Tensor scaled = plugin_->pre_backward(loss);
  const auto context = plugin_->backward_context();
  scaled.backward();
}

void Fabric::zero_grad(torch::optim::Optimizer& optimizer) const {
  // Not Optimizer::zero_grad(), which detaches gradients first and so refuses
  // those that are views of a reduction's buckets.
  for (auto& group : optimizer.param_groups()) {
    for (at::Tensor& parameter : group.params()) {
      parameter.mutable_grad().reset();
    }
  }
  if (plugin_ != nullptr) plugin_->on_zero_grad(optimizer);
}

at::Tensor Fabric::clip_gradients(torch::optim::Optimizer& optimizer,
                                  double value, ClipAlgorithm algorithm) const {
  if (plugin_ != nullptr) plugin_->unscale_gradients(optimizer);
  const std::vector<at::Tensor> gradients = optim::gradients(optimizer);
  if (algorithm == ClipAlgorithm::kNorm) {
    return optim::clip_grad_norm(gradients, value);
  }
  optim::clip_grad_value(gradients, value);
  return {};
}

void Fabric::step(torch::optim::Optimizer& optimizer,
                  const std::function<at::Tensor()>& closure) const {
  if (plugin_ == nullptr) {
    if (closure) {
      optimizer.step(closure);
    } else {
      optimizer.step();
    }
    return;
  }
  {
    const detail::PrecisionStep step(plugin_.get(), optimizer);
    const auto prepare = [&] {
      plugin_->unscale_gradients(optimizer);
      plugin_->begin_step(optimizer);
    };
    if (closure) {
      optimizer.step([&] {
        at::Tensor loss = closure();
        prepare();
        return loss;
      });
    } else {
      prepare();
      optimizer.step();
    }
  }
  plugin_->update();
}

State Fabric::state() const {
  State all = State::map();
  if (plugin_ == nullptr) return all;
  State of_plugin = plugin_->state();
  if (of_plugin.size() > 0) all[plugin_->name()] = std::move(of_plugin);
  return all;
}

void Fabric::load_state(const State& state) {
  if (plugin_ == nullptr || !state.is_map()) return;
  if (const State* found = state.find(plugin_->name())) {
    plugin_->load_state(*found);
  }
}

}  // namespace bolt
