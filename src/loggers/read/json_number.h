#pragma once

#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

namespace bolt::detail {

/// A number, or what stands for one that JSON doesn't have: a text, and null
/// with other writers. Throws nlohmann::json::exception for anything else.
inline double json_number(const nlohmann::json& value) {
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

}  // namespace bolt::detail
