#include <torchbolt/core/terminal.h>
#include <torchbolt/ui/style.h>
#include <torchbolt/ui/text.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace bolt::ui {
namespace {

struct Glyph {
  uint32_t code = 0;
  std::size_t bytes = 1;
  bool valid = false;
};

// The UTF-8 sequence at the start of text that isn't empty.
Glyph next_glyph(std::string_view text) {
  const auto byte = [&](std::size_t k) {
    return static_cast<unsigned char>(text[k]);
  };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1, true};
  const std::size_t bytes = first >= 0xf0 && first < 0xf5   ? 4
                            : first >= 0xe0 && first < 0xf0 ? 3
                            : first >= 0xc2 && first < 0xe0 ? 2
                                                            : 0;
  if (bytes == 0 || text.size() < bytes) return {first, 1, false};
  uint32_t code = first & (0xffu >> (bytes + 1));
  for (std::size_t k = 1; k < bytes; ++k) {
    if ((byte(k) & 0xc0) != 0x80) return {first, 1, false};
    code = code << 6 | (byte(k) & 0x3fu);
  }
  return {code, bytes, true};
}

using Range = std::pair<uint32_t, uint32_t>;

// Blocks of Unicode whose characters have no width of their own, and of those
// that are wide (East Asian Width W and F, by block).
constexpr std::array kNoWidth{
    Range{0x300, 0x36f},   Range{0x483, 0x489},   Range{0x591, 0x5bd},
    Range{0x610, 0x61a},   Range{0x64b, 0x65f},   Range{0x1ab0, 0x1aff},
    Range{0x1dc0, 0x1dff}, Range{0x200b, 0x200f}, Range{0x202a, 0x202e},
    Range{0x2060, 0x2064}, Range{0x20d0, 0x20ff}, Range{0xfe00, 0xfe0f},
    Range{0xfe20, 0xfe2f}, Range{0xfeff, 0xfeff}, Range{0xe0100, 0xe01ef}};
constexpr std::array kWide{
    Range{0x1100, 0x115f},   Range{0x231a, 0x231b},   Range{0x23e9, 0x23ec},
    Range{0x2e80, 0x303e},   Range{0x3041, 0x33ff},   Range{0x3400, 0x4dbf},
    Range{0x4e00, 0xa4cf},   Range{0xa960, 0xa97f},   Range{0xac00, 0xd7a3},
    Range{0xf900, 0xfaff},   Range{0xfe30, 0xfe6f},   Range{0xff00, 0xff60},
    Range{0xffe0, 0xffe6},   Range{0x1f300, 0x1f64f}, Range{0x1f680, 0x1f6ff},
    Range{0x1f900, 0x1f9ff}, Range{0x20000, 0x3fffd}};

bool in(uint32_t code, const auto& ranges) {
  return std::ranges::any_of(ranges, [=](const Range& range) {
    return code >= range.first && code <= range.second;
  });
}

int columns_of(const Glyph& glyph) {
  if (glyph.code < 0x300 || !glyph.valid) return 1;
  if (in(glyph.code, kNoWidth)) return 0;
  return in(glyph.code, kWide) ? 2 : 1;
}

// As much of the text as fits.
std::string_view head(std::string_view text, int columns) {
  std::size_t at = 0;
  for (int used = 0; at < text.size();) {
    const Glyph glyph = next_glyph(text.substr(at));
    used += columns_of(glyph);
    if (used > columns) break;
    at += glyph.bytes;
  }
  return text.substr(0, at);
}

}  // namespace

int columns_of(std::string_view text) {
  int columns = 0;
  while (!text.empty()) {
    const Glyph glyph = next_glyph(text);
    columns += columns_of(glyph);
    text.remove_prefix(glyph.bytes);
  }
  return columns;
}

std::string cut(std::string_view text, int columns, bool unicode) {
  if (columns <= 0) return "";
  if (columns_of(text) <= columns) return std::string(text);
  return std::string(head(text, columns - 1)) + (unicode ? "…" : "~");
}

std::string pad_right(std::string_view text, int columns) {
  return std::string(text) + repeated(" ", columns - columns_of(text));
}

std::string pad_left(std::string_view text, int columns) {
  return repeated(" ", columns - columns_of(text)) + std::string(text);
}

std::string clean(std::string_view text, bool unicode) {
  std::string out;
  while (!text.empty()) {
    const Glyph glyph = next_glyph(text);
    const bool control =
        glyph.code < 0x20 || (glyph.code >= 0x7f && glyph.code < 0xa0);
    if (!glyph.valid || control || (glyph.code >= 0x80 && !unicode)) {
      out += '?';
    } else {
      out += text.substr(0, glyph.bytes);
    }
    text.remove_prefix(glyph.bytes);
  }
  return out;
}

std::string repeated(std::string_view text, int times) {
  std::string out;
  for (int k = 0; k < times; ++k) out += text;
  return out;
}

Style style_for(int fd, Theme theme) {
  return {.colour = allows_colour(fd),
          .unicode = allows_unicode(),
          .theme = std::move(theme),
          .true_colour = allows_true_colour()};
}

}  // namespace bolt::ui
