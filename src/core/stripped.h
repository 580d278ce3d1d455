#pragma once

#include <cctype>
#include <string>
#include <string_view>

namespace bolt::detail {

/// A text without the white space around it.
inline std::string stripped(std::string_view text) {
  const auto is_space = [](char c) {
    return std::isspace(static_cast<unsigned char>(c)) != 0;
  };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return std::string(text);
}

}  // namespace bolt::detail
