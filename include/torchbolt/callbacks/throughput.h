#pragma once

#include <torchbolt/export.h>
#include <torchbolt/state/state.h>
#include <torchbolt/trainer/log_options.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

namespace bolt {

/// Settings of Throughput.
struct ThroughputOptions {
  /// Operations a second that a device could do at best: see
  /// `available_flops`. Without it there is no `mfu`.
  std::optional<double> available_flops{};
  /// Processes, which all do as much.
  int64_t world_size = 1;
  /// Updates that rates are taken over; at least 2.
  int64_t window_size = 100;
  /// Stands in names: "device/samples_per_sec".
  std::string separator = "/";
};

/// How much was done since the beginning.
struct ThroughputCounts {
  /// Seconds.
  double time = 0;
  int64_t batches = 0;
  int64_t samples = 0;
  /// Items of all samples: tokens, frames.
  std::optional<int64_t> lengths{};
  /// Floating-point operations since the last update, of this process.
  std::optional<double> flops{};
};

/// Work per second over a window of updates, for loops of one's own; in a
/// Trainer, ThroughputMonitor uses it. Names and formulas are those of
/// Lightning's Throughput: "time", "batches", "samples" and "lengths" at once,
/// and once the window is full the rates of one device,
/// "device/batches_per_sec", "device/samples_per_sec", "device/items_per_sec",
/// "device/flops_per_sec" and "device/mfu" (the share of `available_flops`);
/// with several processes, those of all without "device/". Not thread-safe.
///
///     bolt::Throughput throughput({.window_size = 10});
///     throughput.update({.time = 0.5, .batches = 1, .samples = 32});
///     for (auto& [name, value] : throughput.compute()) …
class TORCHBOLT_API Throughput {
 public:
  /// Throws ConfigError.
  explicit Throughput(ThroughputOptions options = {});

  /// Throws ConfigError when time or a count doesn't grow, or there are fewer
  /// samples than batches, or fewer items than samples.
  void update(const ThroughputCounts& counts);
  /// Empty before the first update.
  MetricMap compute() const;
  void reset() { window_.clear(); }
  /// The last update; none before the first.
  std::optional<ThroughputCounts> last() const;

  /// The window.
  State state() const;
  void load_state(const State& state);

 private:
  void add_rates(MetricMap& metrics) const;
  void add_flops(MetricMap& metrics) const;

  ThroughputOptions options_;
  std::deque<ThroughputCounts> window_{};
};

}  // namespace bolt
