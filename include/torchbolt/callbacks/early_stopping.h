#pragma once

#include <torchbolt/core/mode.h>
#include <torchbolt/export.h>
#include <torchbolt/trainer/callback.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

namespace bolt {

/// Settings of EarlyStopping.
struct EarlyStoppingOptions {
  /// Name of the logged metric; required.
  std::string monitor{};
  /// An improvement must be larger than this.
  double min_delta = 0;
  /// Checks without improvement after which to stop.
  int64_t patience = 3;
  /// Says in the log when the metric improved.
  bool verbose = false;
  Mode mode = Mode::kMin;
  /// Whether a metric that isn't there is an error.
  bool strict = true;
  /// Stops when the metric is NaN or infinite.
  bool check_finite = true;
  /// Stops as soon as the metric is better than this.
  std::optional<double> stopping_threshold{};
  /// Stops as soon as the metric is worse than this.
  std::optional<double> divergence_threshold{};
  /// Checks at the end of the training epoch (true) or of each validation
  /// (false). Default: true, unless validation runs at other times than once
  /// per epoch.
  std::optional<bool> check_on_train_epoch_end{};
};

/// Why EarlyStopping stopped; the numbers are part of its state.
enum class StoppingReason {
  kNotStopped = 0,
  kStoppingThreshold = 1,
  kDivergenceThreshold = 2,
  kPatienceExhausted = 3,
  kNonFinite = 4
};

/// Stops a fit when a metric has stopped getting better.
///
///     bolt::Trainer trainer({.callbacks = {bolt::EarlyStopping(
///         {.monitor = "val/loss", .patience = 5})}});
class TORCHBOLT_API EarlyStopping final : public Callback {
 public:
  /// Throws ConfigError.
  explicit EarlyStopping(EarlyStoppingOptions options);

  int64_t stopped_epoch() const { return stopped_epoch_; }
  int64_t wait_count() const { return wait_count_; }
  double best_score() const { return best_score_; }
  int64_t patience() const { return options_.patience; }
  StoppingReason stopping_reason() const { return reason_; }
  const std::string& stopping_reason_message() const { return message_; }
  const EarlyStoppingOptions& options() const { return options_; }

  void setup(Trainer& trainer, Module& module, Stage stage) override;
  void on_train_epoch_end(Trainer& trainer, Module& module) override;
  void on_validation_end(Trainer& trainer, Module& module) override;
  State state() const override;
  void load_state(const State& state) override;
  std::string state_key() const override;
  bool monitors() const override { return true; }

 private:
  bool skips(const Trainer& trainer) const;
  void check(Trainer& trainer);
  bool evaluate(double current);
  bool better(double current, double than) const;
  bool stop(StoppingReason reason, std::string message);

  EarlyStoppingOptions options_;
  bool on_train_epoch_end_ = true;
  int64_t wait_count_ = 0;
  int64_t stopped_epoch_ = 0;
  double best_score_;
  StoppingReason reason_ = StoppingReason::kNotStopped;
  std::string message_{};
};

}  // namespace bolt
