#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>

#include "core/byte_source.h"
#include "loggers/read/readers.h"
#include "loggers/wandb/log_reader.h"
#include "loggers/wandb/records.h"
#include "loggers/wandb/run_log.h"

namespace bolt::detail {
namespace {

// A value that is a number; false for others.
bool is_number(const std::string& json, double& value) {
  char* end = nullptr;
  value = std::strtod(json.c_str(), &end);
  return !json.empty() && end == json.c_str() + json.size();
}

}  // namespace

LoggedMetrics read_wandb_metrics(const std::filesystem::path& path) {
  const InputFile file("read_logged_metrics", path);
  wandb::LogReader reader(file);
  LoggedMetrics metrics;
  for (std::string record; reader.next(record);) {
    const auto step = wandb::history_step(record);
    if (!step) continue;
    const wandb::Items items = wandb::history_items(record);
    int64_t at = *step;
    for (const wandb::Item& item : items) {
      double value = 0;
      const bool axis =
          item.key.size() == 1 && item.key.front() == wandb::kGlobalStep;
      if (axis && is_number(item.json, value) && std::abs(value) < 0x1p62) {
        at = static_cast<int64_t>(value);
      }
    }
    for (const wandb::Item& item : items) {
      double value = 0;
      // One key: more are the parts of a picture and the like.
      if (item.key.size() != 1 || item.key.front().starts_with('_') ||
          item.key.front() == wandb::kGlobalStep ||
          !is_number(item.json, value)) {
        continue;
      }
      metrics[item.key.front()].steps.push_back(at);
      metrics[item.key.front()].values.push_back(value);
    }
  }
  return metrics;
}

}  // namespace bolt::detail
