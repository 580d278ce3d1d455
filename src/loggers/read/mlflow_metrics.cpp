#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "loggers/mlflow/journal.h"
#include "loggers/read/json_number.h"
#include "loggers/read/readers.h"

namespace bolt::detail {

LoggedMetrics read_mlflow_metrics(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  LoggedMetrics metrics;
  std::string_view left = text;
  bool any = false;
  // Up to what is no line any more: half a one, or damage.
  while (const auto line = take_line(left)) {
    any = true;
    if (line->op != "metrics") continue;
    try {
      const auto object = nlohmann::json::parse(line->json);
      for (const auto& entry : object.at("entries")) {
        LoggedMetric& metric = metrics[entry.at("key").get<std::string>()];
        const double value = json_number(entry.at("value"));
        metric.steps.push_back(entry.at("step").get<int64_t>());
        metric.values.push_back(value);
      }
    } catch (const nlohmann::json::exception& error) {
      throw DataError(
          {.where = path.string() + ", line " + std::to_string(line->seq + 1),
           .what = "this is no line of metrics",
           .got = error.what()});
    }
  }
  if (!any && !text.empty()) {
    throw DataError(
        {.where = path.string(), .what = "this is no journal of MLflowLogger"});
  }
  return metrics;
}

}  // namespace bolt::detail
