#include "loggers/mlflow/names.h"

#include <array>
#include <cstdint>
#include <cstdio>
#include <utility>
#include <vector>

#include "core/crc32.h"

namespace bolt::detail {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

// The next code point; what is no UTF-8 gives kReplacement, a byte at a time.
char32_t take(std::string_view& text) {
  const auto byte = [&](std::size_t k) {
    return static_cast<unsigned char>(text[k]);
  };
  const unsigned char first = byte(0);
  std::size_t length = 1;
  char32_t point = first;
  if (first >= 0xC2 && first < 0xE0) {
    length = 2;
    point = first & 0x1FU;
  } else if (first >= 0xE0 && first < 0xF0) {
    length = 3;
    point = first & 0x0FU;
  } else if (first >= 0xF0 && first < 0xF5) {
    length = 4;
    point = first & 0x07U;
  } else if (first >= 0x80) {
    text.remove_prefix(1);
    return kReplacement;
  }
  bool whole = text.size() >= length;
  for (std::size_t k = 1; whole && k < length; ++k) {
    whole = (byte(k) & 0xC0U) == 0x80;
    point = (point << 6) | (byte(k) & 0x3FU);
  }
  constexpr std::array<char32_t, 5> kLeast{0, 0, 0x80, 0x800, 0x10000};
  if (!whole || point < kLeast[length] || point > 0x10FFFF ||
      (point >= 0xD800 && point <= 0xDFFF)) {
    text.remove_prefix(1);
    return kReplacement;
  }
  text.remove_prefix(length);
  return point;
}

void put(char32_t point, std::string& out) {
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xC0 | (point >> 6));
    out += static_cast<char>(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    out += static_cast<char>(0xE0 | (point >> 12));
    out += static_cast<char>(0x80 | ((point >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (point & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (point >> 18));
    out += static_cast<char>(0x80 | ((point >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((point >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (point & 0x3F));
  }
}

// Python's \w, / . - : and space. Of the letters that aren't ASCII, blocks that
// are letters throughout, or nearly: the server refuses the rest, one by one.
bool is_taken(char32_t point) {
  if (point < 0x80) {
    return (point >= 'a' && point <= 'z') || (point >= 'A' && point <= 'Z') ||
           (point >= '0' && point <= '9') || point == '_' || point == '-' ||
           point == '.' || point == ' ' || point == ':' || point == '/';
  }
  constexpr std::array<std::pair<char32_t, char32_t>, 9> kLetters{{
      {0xC0, 0xD6},      // Latin
      {0xD8, 0xF6},      // Latin
      {0xF8, 0x2C1},     // Latin, phonetic
      {0x386, 0x481},    // Greek, Cyrillic
      {0x48A, 0x52F},    // Cyrillic
      {0x3041, 0x3096},  // Hiragana
      {0x30A1, 0x30FA},  // Katakana
      {0x3400, 0x9FFF},  // Han
      {0xAC00, 0xD7A3},  // Hangul
  }};
  for (const auto& [first, last] : kLetters) {
    if (point >= first && point <= last) return true;
  }
  return false;
}

// The path without what a file system would read another way.
std::string normalised(std::string_view path) {
  std::string out;
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, slash);
    if (!part.empty() && part != "." && part != "..") {
      if (!out.empty()) out += '/';
      out += part;
    }
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return out;
}

std::size_t code_points(std::string_view text) {
  std::size_t count = 0;
  for (; !text.empty(); ++count) take(text);
  return count;
}

std::string cut(std::string_view text, std::size_t length) {
  std::string out;
  for (; length > 0 && !text.empty(); --length) put(take(text), out);
  return out;
}

// Two of these stay two.
std::string mark_of(std::string_view name) {
  char mark[10];
  std::snprintf(mark, sizeof mark, "_%08x", crc32(0, name.data(), name.size()));
  return mark;
}

}  // namespace

std::string mlflow_key(std::string_view name) {
  std::string taken;
  for (std::string_view rest = name; !rest.empty();) {
    const char32_t point = take(rest);
    if (is_taken(point)) put(point, taken);
  }
  std::string key = normalised(taken);
  if (!key.empty() && code_points(key) <= kMlflowKeyLength) return key;
  return normalised(cut(key, kMlflowKeyLength - 9)) + mark_of(name);
}

std::string mlflow_path(std::string_view name) {
  constexpr std::size_t kMostBytes = 150;
  std::string key = mlflow_key(name);
  if (key.size() <= kMostBytes) return key;
  return normalised(cut(key, kMostBytes / 4)) + mark_of(name);
}

std::string mlflow_artifact_path(std::string_view path) {
  std::string out;
  while (!path.empty()) {
    const char32_t point = take(path);
    const bool taken = point >= 0x20 && point != 0x7F && point != '#' &&
                       point != '%' && point != '?';
    put(taken ? point : U'_', out);
  }
  return out;
}

std::string mlflow_value(std::string_view text, std::size_t length) {
  return cut(text, length);
}

}  // namespace bolt::detail
