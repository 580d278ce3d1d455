#include "loggers/media_path.h"

#include <array>
#include <cctype>
#include <cstddef>
#include <cstdio>

#include "core/crc32.h"

namespace bolt::detail {

std::string media_path(std::string_view name) {
  constexpr std::size_t kLongest = 100;  // file systems take 255 bytes
  std::string out;
  for (const char c : name.substr(0, kLongest)) {
    const bool level = c == '/' && !out.empty() && out.back() != '/';
    const bool kept = std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                      c == '_' || c == '-' || level;
    out += kept ? c : '_';
  }
  if (out.ends_with('/')) out.back() = '_';
  if (out == name && !out.empty()) return out;
  std::array<char, 16> sum{};
  std::snprintf(sum.data(), sum.size(), "-%08x",
                static_cast<unsigned>(crc32(0, name.data(), name.size())));
  return out + sum.data();
}

}  // namespace bolt::detail
