#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "loggers/read/json_number.h"
#include "loggers/read/readers.h"

namespace bolt::detail {
namespace {

void add_line(std::string_view line, LoggedMetrics& metrics) {
  const auto object = nlohmann::json::parse(line);
  if (!object.contains("m")) return;
  const auto step = object.at("step").get<int64_t>();
  for (const auto& [name, value] : object.at("m").items()) {
    metrics[name].steps.push_back(step);
    metrics[name].values.push_back(json_number(value));
  }
}

}  // namespace

LoggedMetrics read_jsonl_metrics(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  LoggedMetrics metrics;
  std::string_view left = text;
  // A line without an end was being written.
  for (int64_t number = 1; left.find('\n') != std::string_view::npos;
       ++number) {
    const std::string_view line = left.substr(0, left.find('\n'));
    left.remove_prefix(line.size() + 1);
    try {
      if (!line.empty()) add_line(line, metrics);
    } catch (const nlohmann::json::exception& error) {
      throw DataError(
          {.where = path.string() + ", line " + std::to_string(number),
           .what = "this is no line of metrics",
           .got = error.what()});
    }
  }
  return metrics;
}

}  // namespace bolt::detail
