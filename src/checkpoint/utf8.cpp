#include "checkpoint/utf8.h"

#include <cstddef>
#include <cstdint>

namespace bolt::detail {

bool is_utf8(std::string_view text) {
  for (std::size_t k = 0; k < text.size();) {
    const auto first = static_cast<unsigned char>(text[k]);
    std::size_t more = 0;
    uint32_t code = first;
    uint32_t least = 0;
    if (first < 0x80) {
      ++k;
      continue;
    }
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
      return false;
    }
    if (text.size() - k <= more) return false;
    for (std::size_t j = 1; j <= more; ++j) {
      const auto next = static_cast<unsigned char>(text[k + j]);
      if (next >> 6 != 0x2) return false;
      code = code << 6 | (next & 0x3f);
    }
    const bool surrogate = code >= 0xd800 && code <= 0xdfff;
    if (code < least || code > 0x10ffff || surrogate) return false;
    k += more + 1;
  }
  return true;
}

}  // namespace bolt::detail
