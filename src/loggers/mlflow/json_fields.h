#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace bolt::detail {

/// The text under a key of an object that anybody may have written; "" where
/// there is none.
inline std::string text_at(const nlohmann::json& object, const char* key) {
  if (!object.is_object()) return {};
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>()
                                                     : std::string();
}

}  // namespace bolt::detail
