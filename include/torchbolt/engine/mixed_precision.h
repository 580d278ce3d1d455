#pragma once

#include <torchbolt/engine/grad_scaler.h>
#include <torchbolt/engine/precision_plugin.h>
#include <torchbolt/export.h>

#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace bolt {

/// Settings of MixedPrecision.
struct TORCHBOLT_API MixedPrecisionOptions {
  /// `k16Mixed` or `kBF16Mixed`.
  Precision precision = Precision::k16Mixed;
  /// Of the loss scaler, which only 16-mixed has; none: its defaults.
  std::optional<GradScalerOptions> scaler{};
  /// Keeps converted weights for the length of a step, which pays where a
  /// weight is used several times in it (recurrent layers); see AutocastScope.
  bool cache_enabled = false;
};

/// "16-mixed" and "bf16-mixed": weights stay in 32 bits, the steps run under
/// autocast. 16-mixed scales the loss, so that small gradients don't vanish:
/// hooks and clipping see gradients of the unscaled loss, and a step whose
/// gradients overflowed is skipped (it counts as one; the optimizer sees no
/// gradients). Under manual optimization scaling happens by itself in
/// manual_backward, clip_gradients and the optimizers' step.
///
/// On a CPU whose libtorch can't compute in float16, 16-mixed becomes
/// bf16-mixed, with a warning.
///
///     bolt::Trainer trainer({
///         .plugins = {bolt::MixedPrecision(
///             {.scaler = bolt::GradScalerOptions{.init_scale = 1024}})}});
class TORCHBOLT_API MixedPrecision : public PrecisionPlugin {
 public:
  /// Throws ConfigError for another precision, and for a scaler with
  /// bf16-mixed.
  explicit MixedPrecision(MixedPrecisionOptions options = {});

  std::string_view name() const override { return "MixedPrecision"; }
  Precision precision() const override { return options_.precision; }
  /// The loss scaler; null for bf16-mixed.
  GradScaler* scaler() { return scaler_ ? &*scaler_ : nullptr; }

  void setup(const c10::Device& device) override;
  /// Throws ConfigError for LBFGS under a scaler.
  void check_optimizer(const torch::optim::Optimizer& optimizer) override;
  std::unique_ptr<PrecisionContext> forward_context() override;
  std::unique_ptr<PrecisionContext> backward_context() override;
  double loss_scale() const override;
  at::Tensor pre_backward(const at::Tensor& loss) override;
  bool unscale_gradients(torch::optim::Optimizer& optimizer) override;
  void begin_step(torch::optim::Optimizer& optimizer) override;
  void begin_step_without_loss(torch::optim::Optimizer& optimizer) override;
  void end_step(torch::optim::Optimizer& optimizer) noexcept override;
  void update() override;
  void on_zero_grad(const torch::optim::Optimizer& optimizer) override;
  State state() const override;
  void load_state(const State& state) override;

 protected:
  /// Whether float16 products, convolutions and their gradients work there; it
  /// tries.
  virtual bool computes_in_half(const c10::Device& device) const;

 private:
  // A step that is on its way.
  struct Step {
    const torch::optim::Optimizer* optimizer;
    // Parameters whose gradients the optimizer must not see, with those.
    std::vector<std::pair<at::Tensor, at::Tensor>> hidden{};
  };
  Step* running(const torch::optim::Optimizer& optimizer);
  void begin(torch::optim::Optimizer& optimizer, bool skip);
  void warn_of_tiny_scale();

  MixedPrecisionOptions options_;
  c10::DeviceType device_ = c10::DeviceType::CPU;
  std::optional<GradScaler> scaler_{};
  std::vector<Step> steps_{};
  bool overflowed_ = false;  // since the last update
  bool warned_ = false;
};

}  // namespace bolt
