#include "loggers/utf8_text.h"

#include <nlohmann/json.hpp>

#include "checkpoint/utf8.h"
#include "loggers/jsonl/json_text.h"

namespace bolt::detail {

std::string as_utf8(std::string_view text) {
  if (is_utf8(text)) return std::string(text);
  return nlohmann::json::parse(json_text(text)).get<std::string>();
}

}  // namespace bolt::detail
