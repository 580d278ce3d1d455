#include "checkpoint/utf8.h"

#include <cstddef>
#include <cstdint>

namespace bolt::detail {
namespace {

// The bytes of the character that a text begins with; 0: it is none.
std::size_t character(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  std::size_t more = 0;
  uint32_t code = first;
  uint32_t least = 0;
  if (first < 0x80) return 1;
  if (first >> 5 == 0x6) {
    more = 1;
    code = first & 0x1f;
    least = 0x80;
  } else if (first >> 4 == 0xe) {
    more = 2;
    code = first & 0xf;
    least = 0x800;
  } else if (first >> 3 == 0x1e) {
    more = 3;
    code = first & 0x7;
    least = 0x10000;
  } else {
    return 0;
  }
  if (text.size() <= more) return 0;
  for (std::size_t j = 1; j <= more; ++j) {
    const auto next = static_cast<unsigned char>(text[j]);
    if (next >> 6 != 0x2) return 0;
    code = code << 6 | (next & 0x3f);
  }
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  return code < least || code > 0x10ffff || surrogate ? 0 : more + 1;
}

// U+DC80 to U+DCFF are ED B2 80 to ED B3 BF.
constexpr char kEscape = '\xed';
constexpr std::size_t kEscaped = 3;

bool is_escaped(std::string_view text) {
  return text.size() >= kEscaped && text[0] == kEscape &&
         (text[1] == '\xb2' || text[1] == '\xb3') &&
         static_cast<unsigned char>(text[2]) >> 6 == 0x2;
}

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = character(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

std::string with_escaped_bytes(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const std::size_t size = character(bytes);
    if (size > 0) {
      text += bytes.substr(0, size);
      bytes.remove_prefix(size);
      continue;
    }
    const auto byte = static_cast<unsigned char>(bytes.front());
    text += kEscape;
    text += static_cast<char>(0xb0 | byte >> 6);
    text += static_cast<char>(0x80 | (byte & 0x3f));
    bytes.remove_prefix(1);
  }
  return text;
}

std::string without_escaped_bytes(std::string_view text) {
  std::string bytes;
  while (!text.empty()) {
    if (!is_escaped(text)) {
      bytes += text.front();
      text.remove_prefix(1);
      continue;
    }
    bytes += static_cast<char>((text[1] & 0x3) << 6 | (text[2] & 0x3f));
    text.remove_prefix(kEscaped);
  }
  return bytes;
}

}  // namespace bolt::detail
