#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>
#include <torchbolt/engine/options.h>
#include <torchbolt/export.h>
#include <torchbolt/state/state.h>

#include <memory>
#include <string_view>
#include <vector>

namespace torch::nn {
class Module;
}
namespace torch::optim {
class Optimizer;
}

namespace bolt {

/// The format in which most operations compute.
TORCHBOLT_API c10::ScalarType dtype_of(Precision precision);

/// What a PrecisionPlugin sets up for a stretch of code; it ends with the
/// object.
class TORCHBOLT_API PrecisionContext {
 public:
  PrecisionContext() = default;
  virtual ~PrecisionContext() = default;
  PrecisionContext(const PrecisionContext&) = delete;
  PrecisionContext& operator=(const PrecisionContext&) = delete;
};

/// Number formats of a run: Lightning's `Precision` plug-in. The `precision`
/// argument chooses one of ours (there is none for 32-true, which needs
/// nothing); derive to have your own, and pass it as `plugins`. Not
/// thread-safe; a plug-in serves one Trainer or Fabric at a time.
///
///     struct Rounded : bolt::PrecisionPlugin {
///       std::string_view name() const override { return "Rounded"; }
///       at::Tensor convert_input(const at::Tensor& input) const override {
///         return input.is_floating_point() ? input.round() : input;
///       }
///     };
///     bolt::Trainer trainer({.plugins = {std::make_shared<Rounded>()}});
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

/// "64-true", "16-true" and "bf16-true": parameters, buffers and inputs are
/// converted, and tensors made in a step without a type get that type.
class TORCHBOLT_API TruePrecision : public PrecisionPlugin {
 public:
  /// Throws ConfigError for another setting than those three.
  explicit TruePrecision(Precision precision);

  /// "DoublePrecision" or "HalfPrecision".
  std::string_view name() const override;
  Precision precision() const override { return precision_; }
  /// The format of parameters and inputs.
  c10::ScalarType dtype() const { return dtype_; }

  /// Throws ConfigError where the device lacks the format.
  void setup(const c10::Device& device) override;
  void convert_module(torch::nn::Module& module) override;
  /// Warns of an Adam whose eps is zero in float16.
  void check_optimizer(const torch::optim::Optimizer& optimizer) override;
  at::Tensor convert_input(const at::Tensor& input) const override;
  std::unique_ptr<PrecisionContext> init_context() override;
  std::unique_ptr<PrecisionContext> forward_context() override;

 private:
  Precision precision_;
  c10::ScalarType dtype_;
};

/// The plug-in of a setting; null for `k32True`.
TORCHBOLT_API std::shared_ptr<PrecisionPlugin> make_precision(
    Precision precision);

}  // namespace bolt
