#pragma once

#include <ATen/core/Tensor.h>
#include <torchbolt/export.h>
#include <torchbolt/state/state.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace torch::optim {
class Optimizer;
}

namespace bolt {

/// Names and defaults are those of Python's `torch.amp.GradScaler`.
struct TORCHBOLT_API GradScalerOptions {
  /// What losses are multiplied by at first.
  double init_scale = 65536;
  /// The scale grows by this after `growth_interval` steps without overflow.
  double growth_factor = 2;
  /// The scale shrinks by this when a gradient overflowed.
  double backoff_factor = 0.5;
  /// Steps in a row, without overflow, before the scale grows.
  int64_t growth_interval = 2000;
  /// `false`: it scales nothing, and `step` is the optimizer's.
  bool enabled = true;
};

/// Scales losses, so that small gradients don't vanish in 16-bit floating
/// point, and skips the steps in which large ones overflowed: Python's
/// `torch.amp.GradScaler`, with its states and values. MixedPrecision has one;
/// loops of one's own can use it without.
///
///     bolt::GradScaler scaler;
///     for (auto& batch : batches) {
///       optimizer.zero_grad();
///       scaler.scale(loss_of(batch)).backward();
///       scaler.unscale_(optimizer);  // where gradients are looked at
///       scaler.step(optimizer);
///       scaler.update();
///     }
///
/// One `update` follows the steps of all optimizers that share a backward pass.
/// The scale lives on the device of the first loss. Not thread-safe.
class TORCHBOLT_API GradScaler {
 public:
  /// Throws ConfigError for options out of range.
  explicit GradScaler(GradScalerOptions options = {});

  /// The loss times the scale; call `backward()` on that.
  at::Tensor scale(const at::Tensor& loss);

  /// Divides the optimizer's gradients, in place, by the scale of the last
  /// `scale`, and notes whether all are finite. Throws ConfigError when that
  /// was done since the last `update`, when nothing was scaled, and for
  /// gradients in float16, which can't be unscaled without loss.
  void unscale_(torch::optim::Optimizer& optimizer);
  /// Whether `unscale_` was called since the optimizer's last step.
  bool unscaled(const torch::optim::Optimizer& optimizer) const;
  /// Whether a gradient was infinite or NaN, at the last `unscale_`. Waits for
  /// the device.
  bool found_inf(const torch::optim::Optimizer& optimizer);

  /// Unscales the gradients if need be, and calls `optimizer.step()` if all are
  /// finite. Returns whether it did. An optimizer that has no gradients makes
  /// its step. Throws ConfigError on a second call before `update`.
  bool step(torch::optim::Optimizer& optimizer);
  /// Takes note of a step that was made, or left out, without `step`.
  void stepped(torch::optim::Optimizer& optimizer);
  /// Forgets that the optimizer's gradients were unscaled: new ones come.
  void renew(const torch::optim::Optimizer& optimizer);

  /// Ends a round: the scale shrinks if a gradient overflowed in it, and grows
  /// after enough rounds without. Without a step since the last one it does
  /// nothing.
  void update();
  /// Ends a round, and sets the scale.
  void update(double new_scale);

  /// The scale of the next loss; 1 when not enabled. Waits for the device.
  double get_scale() const;
  double get_growth_factor() const { return options_.growth_factor; }
  double get_backoff_factor() const { return options_.backoff_factor; }
  int64_t get_growth_interval() const { return options_.growth_interval; }
  bool is_enabled() const { return options_.enabled; }

  /// {"scale": …, "growth_factor": …, "backoff_factor": …, "growth_interval":
  /// …, "_growth_tracker": …} as in Python, and between a step and `update`
  /// "_found_inf", which Python passes over; an empty map when not enabled.
  /// Waits for the device.
  State state() const;
  /// Takes what `state()` gave, or Python's `state_dict()`. Throws
  /// CheckpointError, and changes nothing, when it doesn't fit.
  void load_state(const State& state);

 private:
  enum class Stage { kReady, kUnscaled, kStepped };
  // What is known of an optimizer since the last update.
  struct Round {
    const torch::optim::Optimizer* optimizer;
    Stage stage = Stage::kReady;
    // One for each device, 0 or 1; several rounds of a cadence add up.
    std::vector<at::Tensor> found_inf{};
    std::optional<bool> known{};
  };

  Round& round_of(const torch::optim::Optimizer& optimizer);
  const Round* find(const torch::optim::Optimizer& optimizer) const;
  void end_round();
  void make_tensors(const c10::Device& device);

  GradScalerOptions options_;
  double scale_value_;
  int64_t tracker_value_ = 0;
  // Undefined before the first loss, which says on which device.
  at::Tensor scale_{};
  at::Tensor growth_tracker_{};
  // What the last loss was multiplied by.
  at::Tensor used_{};
  std::vector<Round> rounds_{};
  // Overflows of steps before the running one, since the last update.
  std::vector<at::Tensor> earlier_{};
};

}  // namespace bolt
