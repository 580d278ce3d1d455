#include "loggers/wandb/json.h"

#include <torchbolt/core/number.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "checkpoint/utf8.h"

namespace bolt::detail::wandb {

std::string as_utf8(std::string_view text) {
  if (is_utf8(text)) return std::string(text);
  return nlohmann::json::parse(json_text(text)).get<std::string>();
}

std::string json_text(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false,
                                   nlohmann::json::error_handler_t::replace);
}

std::string json_number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return shortest(value);
}

std::string json_value(const State& value) {
  std::string out;
  switch (value.kind()) {
    case State::Kind::kNone:
      return "null";
    case State::Kind::kBool:
      return value.as_bool() ? "true" : "false";
    case State::Kind::kInt:
      return std::to_string(value.as_int());
    case State::Kind::kDouble:
      out = json_number(value.as_double());
      return std::isfinite(value.as_double()) ? out : json_text(out);
    case State::Kind::kString:
      return json_text(value.as_string());
    case State::Kind::kTensor:
      return json_text(value.to_string());
    case State::Kind::kList:
    case State::Kind::kTuple:
      for (const State& item : value.items()) {
        out += (out.empty() ? "" : ",") + json_value(item);
      }
      return "[" + out + "]";
    case State::Kind::kMap:
      for (const auto& [key, item] : value.entries()) {
        const auto* number = std::get_if<int64_t>(&key);
        out += (out.empty() ? "" : ",") +
               json_text(number != nullptr ? std::to_string(*number)
                                           : std::get<std::string>(key)) +
               ":" + json_value(item);
      }
      return "{" + out + "}";
  }
  return "null";
}

}  // namespace bolt::detail::wandb
