#pragma once

#include <torchbolt/core/clock.h>
#include <torchbolt/export.h>
#include <torchbolt/trainer/callback.h>
#include <torchbolt/trainer/options.h>

#include <chrono>
#include <map>
#include <optional>

namespace bolt {

/// When a Timer looks at the clock.
enum class TimerInterval { kStep, kEpoch };

/// Settings of Timer.
struct TimerOptions {
  /// Training ends after this time; none: only measures.
  std::optional<TimeSpan> duration{};
  /// Looks after each batch, or after each epoch.
  TimerInterval interval = TimerInterval::kStep;
  /// Says in the log that time is up.
  bool verbose = true;
};

/// Ends training after a length of time, and measures how long each stage took.
/// `max_time` of the Trainer adds one.
///
///     .callbacks = {bolt::Timer({.duration = 90min})}
class TORCHBOLT_API Timer final : public Callback {
 public:
  /// Throws ConfigError for a negative duration.
  explicit Timer(TimerOptions options = {});

  /// Time spent in a stage (kFit: training), earlier runs that were resumed
  /// counted in.
  std::chrono::nanoseconds time_elapsed(Stage stage = Stage::kFit) const;
  /// When a stage began, and ended, the last time; none before that.
  std::optional<Clock::TimePoint> start_time(Stage stage = Stage::kFit) const;
  std::optional<Clock::TimePoint> end_time(Stage stage = Stage::kFit) const;
  /// Time left for training; none without a duration.
  std::optional<std::chrono::nanoseconds> time_remaining() const;

  void setup(Trainer& trainer, Module&, Stage) override;
  void on_fit_start(Trainer& trainer, Module&) override;
  void on_train_start(Trainer&, Module&) override { start(Stage::kFit); }
  void on_train_end(Trainer&, Module&) override { end(Stage::kFit); }
  void on_validation_start(Trainer&, Module&) override {
    start(Stage::kValidate);
  }
  void on_validation_end(Trainer&, Module&) override { end(Stage::kValidate); }
  void on_test_start(Trainer&, Module&) override { start(Stage::kTest); }
  void on_test_end(Trainer&, Module&) override { end(Stage::kTest); }
  void on_train_batch_end(Trainer& trainer, Module&, const StepOutput&,
                          const AnyBatch&, const StepContext&) override;
  void on_train_epoch_end(Trainer& trainer, Module&) override;
  State state() const override;
  void load_state(const State& state) override;
  std::string state_key() const override;

 private:
  void start(Stage stage);
  void end(Stage stage);
  void check(Trainer& trainer);

  TimerOptions options_;
  const Clock* clock_ = &system_clock();
  std::map<Stage, Clock::TimePoint> started_{};
  std::map<Stage, Clock::TimePoint> ended_{};
  std::chrono::nanoseconds before_{0};
};

}  // namespace bolt
