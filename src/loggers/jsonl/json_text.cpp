#include "loggers/jsonl/json_text.h"

#include <torchbolt/core/number.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace bolt::detail {

std::string json_text(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false,
                                   nlohmann::json::error_handler_t::replace);
}

std::string json_number(double value) {
  if (std::isfinite(value)) return shortest(value);
  if (std::isnan(value)) return "\"NaN\"";
  return value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
}

std::string json_value(const State& value) {
  switch (value.kind()) {
    case State::Kind::kNone:
      return "null";
    case State::Kind::kBool:
      return value.as_bool() ? "true" : "false";
    case State::Kind::kInt:
      return std::to_string(value.as_int());
    case State::Kind::kDouble:
      return json_number(value.as_double());
    case State::Kind::kString:
      return json_text(value.as_string());
    case State::Kind::kTensor:
      return json_text(value.to_string());
    case State::Kind::kList:
    case State::Kind::kTuple: {
      std::string out;
      for (const State& item : value.items()) {
        out += (out.empty() ? "" : ",") + json_value(item);
      }
      return "[" + out + "]";
    }
    case State::Kind::kMap:
      break;
  }
  std::string out;
  for (const auto& [key, item] : value.entries()) {
    const auto* number = std::get_if<int64_t>(&key);
    out += (out.empty() ? "" : ",") +
           json_text(number != nullptr ? std::to_string(*number)
                                       : std::get<std::string>(key)) +
           ":" + json_value(item);
  }
  return "{" + out + "}";
}

}  // namespace bolt::detail
