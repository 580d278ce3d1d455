#pragma once

#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>

#include "core/crc32.h"

namespace bolt::testing {

/// Each line of the text as a line of a journal, with its number and checksum,
/// so that what is in it is looked at.
inline std::string journal_lines(std::string_view text) {
  std::string out;
  for (int number = 0; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string body = "\",\"seq\":" + std::to_string(number) + ",\"op\":\"" +
                       std::string(text.substr(0, end));
    char digits[9];
    std::snprintf(digits, sizeof digits, "%08x",
                  detail::crc32(0, body.data(), body.size()));
    out += std::string("{\"crc\":\"") + digits + body + "}\n";
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

}  // namespace bolt::testing
