#pragma once

#include <torchbolt/export.h>
#include <torchbolt/optim/optimizer_config.h>
#include <torchbolt/trainer/callback.h>
#include <torchbolt/trainer/log_options.h>

#include <optional>
#include <string>

namespace bolt {

/// Settings of LearningRateMonitor.
struct LearningRateMonitorOptions {
  /// When to log. None: each learning rate when its schedule steps, and those
  /// without a schedule at both times.
  std::optional<Interval> logging_interval{};
  /// Also "<name>-momentum" ("lr-SGD/pg1-momentum"): momentum, or the first
  /// beta, or 0.
  bool log_momentum = false;
  /// Also "<name>-weight_decay", or 0.
  bool log_weight_decay = false;
  /// Stands before each name.
  std::string log_key_prefix{};
};

/// Sends the learning rates to the loggers, as steps and epochs begin; those of
/// steps as often as `log_every_n_steps` says. The name is that of the schedule
/// (LRSchedulerConfig::name), else "lr-" and the optimizer's class; of several
/// parameter groups each has its own: "lr-SGD/pg1", "lr-SGD/pg2", or, where the
/// group has a name, "lr-SGD/backbone".
///
///     .callbacks = {bolt::LearningRateMonitor({.log_momentum = true})}
class TORCHBOLT_API LearningRateMonitor final : public Callback {
 public:
  explicit LearningRateMonitor(LearningRateMonitorOptions options = {})
      : options_(std::move(options)) {}

  /// Throws ConfigError when the Trainer has no logger, and when two groups of
  /// an optimizer have one name.
  void on_train_start(Trainer& trainer, Module&) override;
  void on_train_batch_start(Trainer& trainer, Module&, const AnyBatch&,
                            const StepContext&) override;
  void on_train_epoch_start(Trainer& trainer, Module&) override;

 private:
  MetricMap values(Trainer& trainer, Interval at) const;
  void add(MetricMap& values, torch::optim::Optimizer& optimizer,
           const std::string& name) const;

  LearningRateMonitorOptions options_;
};

}  // namespace bolt
