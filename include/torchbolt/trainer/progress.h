#pragma once

#include <torchbolt/export.h>
#include <torchbolt/state/state.h>

#include <chrono>
#include <cstdint>

namespace bolt {

/// Counts of one thing: how many were made ready, started, processed and
/// completed. At a hook between them a count tells how far the thing has come.
struct Counts {
  int64_t ready = 0;
  int64_t started = 0;
  int64_t processed = 0;
  int64_t completed = 0;

  friend bool operator==(const Counts&, const Counts&) = default;
};

/// Which of the counts a progress keeps.
enum class CountKinds { kAll, kReadyStartedCompleted, kReadyCompleted };

/// Counts over the Trainer's life (`total`) and since the epoch, or the run,
/// began (`current`). Its state has the shape of Lightning's checkpoints:
/// {"total": {…}, "current": {…}}.
struct TORCHBOLT_API Progress {
  Counts total{};
  Counts current{};
  CountKinds kinds = CountKinds::kAll;

  void increment_ready() { ++total.ready, ++current.ready; }
  void increment_started() { ++total.started, ++current.started; }
  void increment_processed() { ++total.processed, ++current.processed; }
  void increment_completed() { ++total.completed, ++current.completed; }
  /// A new epoch or run begins.
  void reset_current() { current = {}; }
  /// Goes on after a stop: what had begun and not ended, begins again.
  void reset_current_to_completed();

  State state() const;
  void load_state(const State& state);

  friend bool operator==(const Progress&, const Progress&) = default;
};

/// Progress over the batches of a loop.
struct TORCHBOLT_API BatchProgress {
  Progress counts{};
  bool is_last_batch = false;

  /// A new epoch or run begins.
  void reset_current() {
    counts.reset_current();
    is_last_batch = false;
  }

  State state() const;
  void load_state(const State& state);

  friend bool operator==(const BatchProgress&, const BatchProgress&) = default;
};

/// How long training waited for its loader.
struct DataWait {
  std::chrono::nanoseconds waited{0};
  /// Time of the training itself: validations don't count.
  std::chrono::nanoseconds total{0};

  /// Part of the time that was waited, 0 to 1.
  double share() const {
    return total.count() > 0 ? static_cast<double>(waited.count()) /
                                   static_cast<double>(total.count())
                             : 0;
  }
};

/// All counters of a fit.
struct TORCHBOLT_API FitProgress {
  Progress epochs{};
  BatchProgress batches{};
  Progress optimizer_steps{{}, {}, CountKinds::kReadyCompleted};
  /// Steps made by hand, under manual optimization.
  Progress manual_steps{{}, {}, CountKinds::kReadyCompleted};
  Progress zero_grads{{}, {}, CountKinds::kReadyStartedCompleted};
  Progress schedulers{{}, {}, CountKinds::kReadyCompleted};
  BatchProgress validation{};
  /// Batches on which an optimizer step was due: the loggers' x axis.
  int64_t batches_that_stepped = 0;

  /// The fit loop's part of a checkpoint, with Lightning's keys.
  State state() const;
  void load_state(const State& state);

  friend bool operator==(const FitProgress&, const FitProgress&) = default;
};

}  // namespace bolt
