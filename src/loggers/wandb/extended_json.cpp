#include "loggers/wandb/extended_json.h"

#include <torchbolt/core/number.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "checkpoint/utf8.h"
#include "loggers/jsonl/json_text.h"

namespace bolt::detail::wandb {

std::string as_utf8(std::string_view text) {
  if (is_utf8(text)) return std::string(text);
  return nlohmann::json::parse(json_text(text)).get<std::string>();
}

std::string extended_number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return shortest(value);
}

}  // namespace bolt::detail::wandb
