#pragma once

#include <ATen/core/Tensor.h>
#include <torchbolt/export.h>

#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace bolt {

namespace metrics {
class Metric;
}

/// Metrics by name, as numbers.
using MetricMap = std::map<std::string, double, std::less<>>;

/// How the values of an epoch become one. Anything else is a metric object.
enum class Reduce { kMean, kSum, kMin, kMax };

/// "mean" ("avg"), "sum", "min", "max", any case. Throws ConfigError.
TORCHBOLT_API Reduce parse_reduce(std::string_view text);

/// Settings of `log()`.
struct LogOptions {
  /// Shows the value in the progress bar.
  bool prog_bar = false;
  /// Sends it to the loggers (default: yes).
  std::optional<bool> logger{};
  /// Reports the value of each step. The default depends on the hook: true in
  /// training steps and their hooks, else false.
  std::optional<bool> on_step{};
  /// Reports the reduced value of the epoch. The default depends on the hook:
  /// false in training steps and their hooks, else true.
  std::optional<bool> on_epoch{};
  /// How an epoch's values are reduced.
  Reduce reduce_fx = Reduce::kMean;
  /// Reduces over all processes.
  bool sync_dist = false;
  /// With several evaluation loaders, adds "/dataloader_idx_<i>" to the name.
  bool add_dataloader_idx = true;
  /// Weight of this value in a mean; by default the batch's first dimension.
  std::optional<int64_t> batch_size{};
  /// The call is made on rank 0 only.
  bool rank_zero_only = false;
};

/// A value to log: a number, a tensor of one element, or a metric object. It
/// refers to what it was made from.
class TORCHBOLT_API LogValue {
 public:
  LogValue(const at::Tensor& tensor) : tensor_(&tensor) {}
  LogValue(metrics::Metric& metric) : metric_(&metric) {}
  template <class T>
    requires std::is_arithmetic_v<T>
  LogValue(T number) : number_(static_cast<double>(number)) {}

  const at::Tensor* tensor() const { return tensor_; }
  metrics::Metric* metric() const { return metric_; }
  double number() const { return number_; }

 private:
  const at::Tensor* tensor_ = nullptr;
  metrics::Metric* metric_ = nullptr;
  double number_ = 0;
};

/// A map of names to what can be logged.
template <class T>
concept LogValues = requires(T& values) {
  { values.begin()->first } -> std::convertible_to<std::string_view>;
  { values.begin()->second } -> std::convertible_to<LogValue>;
  values.end();
};

}  // namespace bolt
