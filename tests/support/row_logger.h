#pragma once

#include <torchbolt/trainer/logger.h>

#include <cstdint>
#include <string>
#include <vector>

namespace bolt::testing {

/// Keeps all metrics that it gets, and writes nothing.
struct RowLogger : Logger {
  struct Row {
    int64_t step;
    MetricMap values;
    friend bool operator==(const Row&, const Row&) = default;
  };
  std::string name() const override { return ""; }
  std::string version() const override { return ""; }
  void log_metrics(const MetricMap& metrics, int64_t step) override {
    rows.push_back({step, metrics});
    for (const auto& [key, value] : metrics) latest[key] = value;
  }
  std::vector<Row> rows{};
  /// The last value of each.
  MetricMap latest{};
};

}  // namespace bolt::testing
