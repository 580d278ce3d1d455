#include <ATen/ATen.h>
#include <torchbolt/core/error.h>
#include <torchbolt/data/csv.h>

#include <cmath>

#include "loggers/read/readers.h"

namespace bolt::detail {

LoggedMetrics read_csv_metrics(const std::filesystem::path& path) {
  const Table table =
      read_csv(path, {.missing = CsvMissing::kNaN, .skip_torn_line = true});
  if (!table.contains("step") || table.is_text("step")) {
    throw DataError({.where = path.string(),
                     .what = "the table is none of metrics",
                     .expected = "a column \"step\" of numbers"});
  }
  const auto column = [&](const std::string& name) {
    return table.column(name).to(at::kDouble).contiguous();
  };
  const at::Tensor steps = column("step");
  LoggedMetrics metrics;
  for (const std::string& name : table.names()) {
    if (name == "step" || table.is_text(name)) continue;
    const at::Tensor values = column(name);
    LoggedMetric metric;
    for (int64_t k = 0; k < table.rows(); ++k) {
      const double value = values.const_data_ptr<double>()[k];
      const double step = steps.const_data_ptr<double>()[k];
      // Most often a metric that wasn't in that row.
      if (std::isnan(value) || !(std::abs(step) < 0x1p62)) continue;
      metric.steps.push_back(static_cast<int64_t>(step));
      metric.values.push_back(value);
    }
    if (!metric.steps.empty()) metrics[name] = std::move(metric);
  }
  return metrics;
}

}  // namespace bolt::detail
