#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <torchbolt/core/plugin_handle.h>
#include <torchbolt/engine/options.h>
#include <torchbolt/engine/precision_context.h>
#include <torchbolt/export.h>
#include <torchbolt/state/state.h>

#include <memory>
#include <string_view>

namespace torch::nn {
class Module;
}
namespace torch::optim {
class Optimizer;
}

namespace bolt {

/// Number formats of a run: Lightning's `Precision` plug-in. The `precision`
/// argument chooses one of ours (there is none for 32-true, which needs
/// nothing); derive to have your own, and pass it as `plugins`, by value or as
/// `shared_ptr`. Not thread-safe; a plug-in serves one Trainer or Fabric at a
/// time.
///
///     struct Rounded : bolt::PrecisionPlugin {
///       std::string_view name() const override { return "Rounded"; }
///       at::Tensor convert_input(const at::Tensor& input) const override {
///         return input.is_floating_point() ? input.round() : input;
///       }
///     };
///     bolt::Trainer trainer({.plugins = {Rounded()}});
///
/// In a fit the calls come in this order:
///
///     setup · init_context (configure_model) · convert_module ·
///     check_optimizer (each)
///     each batch:
///       convert_input (each tensor) · transfer hooks
///       forward_context: training_step
///       pre_backward · backward_context: backward hooks
///       each optimizer that steps:
///         unscale_gradients · on_before_optimizer_step · clipping
///         begin_step · the optimizer's own step · end_step
///       update
class TORCHBOLT_API PrecisionPlugin {
 public:
  virtual ~PrecisionPlugin() = default;

  /// Its class's name, under which checkpoints keep its state.
  virtual std::string_view name() const = 0;
  /// The setting that it comes closest to.
  virtual Precision precision() const { return Precision::k32True; }

  /// Called once, with the device of the run. Throws ConfigError where that
  /// can't do it.
  virtual void setup(const c10::Device& device) { (void)device; }
  /// Puts a module's parameters and buffers into their format, in place.
  virtual void convert_module(torch::nn::Module& module) { (void)module; }
  /// Looks at an optimizer before it trains. Throws ConfigError where it can't
  /// be stepped.
  virtual void check_optimizer(const torch::optim::Optimizer& optimizer) {
    (void)optimizer;
  }
  /// A tensor of a batch, before it is moved to the device.
  virtual at::Tensor convert_input(const at::Tensor& input) const {
    return input;
  }

  /// Around code that makes a module. Null: nothing to set up.
  virtual std::unique_ptr<PrecisionContext> init_context() { return nullptr; }
  /// Around the steps: training_step, validation_step, test_step, predict_step.
  virtual std::unique_ptr<PrecisionContext> forward_context() {
    return nullptr;
  }
  /// Around the backward pass, which may run inside of a step.
  virtual std::unique_ptr<PrecisionContext> backward_context() {
    return nullptr;
  }

  /// What `pre_backward` multiplies the loss by. May wait for the device.
  virtual double loss_scale() const { return 1; }
  /// What to call `backward()` on in place of the loss.
  virtual at::Tensor pre_backward(const at::Tensor& loss) { return loss; }
  /// Makes the optimizer's gradients those of the loss itself, in place, unless
  /// they are. Returns false when some are infinite or NaN and the step will be
  /// skipped for that.
  virtual bool unscale_gradients(torch::optim::Optimizer& optimizer) {
    (void)optimizer;
    return true;
  }
  /// The gradients are final, and the optimizer is about to use them. To skip
  /// the step, leave none.
  virtual void begin_step(torch::optim::Optimizer& optimizer) {
    (void)optimizer;
  }
  /// In place of `begin_step` where training_step returned no loss: what
  /// gradients there are come from batches before.
  virtual void begin_step_without_loss(torch::optim::Optimizer& optimizer) {
    begin_step(optimizer);
  }
  /// The optimizer made its step, or an exception ended it. It must not throw.
  virtual void end_step(torch::optim::Optimizer& optimizer) noexcept {
    (void)optimizer;
  }
  /// The optimizers that shared a backward pass have stepped.
  virtual void update() {}
  /// The optimizer's gradients are let go of.
  virtual void on_zero_grad(const torch::optim::Optimizer& optimizer) {
    (void)optimizer;
  }

  /// What a checkpoint keeps; none or an empty map: nothing.
  virtual State state() const { return {}; }
  virtual void load_state(const State& state) { (void)state; }
};

/// A precision plug-in in a list of options: by value, or as `shared_ptr`.
using PrecisionHandle = PluginHandle<PrecisionPlugin>;

}  // namespace bolt
