#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>

#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "loggers/read/readers.h"

namespace bolt::detail {
namespace {

// A number, or what stands for one that JSON doesn't have: a text, and null
// with other writers.
double number_of(const nlohmann::json& value) {
  if (value.is_null()) return std::numeric_limits<double>::quiet_NaN();
  if (!value.is_string()) return value.get<double>();
  const auto& text = value.get_ref<const std::string&>();
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  if (text.empty() || end != text.c_str() + text.size()) {
    return value.get<double>();  // which says what is wrong
  }
  return number;
}

void add_line(std::string_view line, LoggedMetrics& metrics) {
  const auto object = nlohmann::json::parse(line);
  if (!object.contains("m")) return;
  const auto step = object.at("step").get<int64_t>();
  for (const auto& [name, value] : object.at("m").items()) {
    metrics[name].steps.push_back(step);
    metrics[name].values.push_back(number_of(value));
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
