#pragma once

#include <ATen/core/Tensor.h>
#include <torchbolt/export.h>
#include <torchbolt/state/state.h>
#include <torchbolt/trainer/callback.h>
#include <torchbolt/trainer/histogram.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace bolt {

/// Settings of HistogramMonitor.
struct HistogramMonitorOptions {
  bool weights = true;
  /// As they are before they are clipped.
  bool gradients = true;
  /// At every n-th global step; of several optimizers, each at its first step
  /// from there on.
  int64_t every_n_steps = 100;
  int64_t bins = 64;
  /// Also minimum, maximum, mean, standard deviation and 2-norm, as metrics:
  /// "weights/net.0.weight/mean", and "…/non_finite" where there are such
  /// values.
  bool scalars = false;
  /// Which parameters, by name; default: all.
  std::function<bool(std::string_view name)> filter{};
};

/// Shows how weights and gradients are spread, as "weights/net.0.weight" and
/// "gradients/net.0.weight", to loggers that keep histograms
/// (Logger::logs_histograms); the others get the scalars alone, and the log
/// says so once. Both are those that an optimizer step begins with. Where it is
/// due, it waits for the device.
///
///     .callbacks = {bolt::HistogramMonitor({.every_n_steps = 500,
///                                           .scalars = true})}
class TORCHBOLT_API HistogramMonitor final : public Callback {
 public:
  /// Throws ConfigError.
  explicit HistogramMonitor(HistogramMonitorOptions options = {});

  /// Throws ConfigError when the Trainer has no logger. Where none of them
  /// keeps histograms and there are no scalars, it says so and does nothing.
  void setup(Trainer& trainer, Module&, Stage stage) override;
  void on_fit_start(Trainer& trainer, Module&) override;
  void on_before_optimizer_step(Trainer& trainer, Module& module,
                                torch::optim::Optimizer& optimizer) override;
  /// Which optimizers were due last.
  State state() const override;
  void load_state(const State& state) override;

 private:
  bool is_due(Trainer& trainer, const torch::optim::Optimizer& optimizer);
  void send(Trainer& trainer, const std::string& name,
            const at::Tensor& values);
  void send_scalars(Trainer& trainer, const std::string& name,
                    const Histogram& histogram);

  HistogramMonitorOptions options_;
  // Of each optimizer: how often it was due until it was shown last.
  std::vector<int64_t> shown_{};
  bool restarting_ = false;
};

}  // namespace bolt
