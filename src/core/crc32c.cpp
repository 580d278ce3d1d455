#include "core/crc32c.h"

#include <array>

namespace bolt::detail {
namespace {

// By the byte, and by eight of them at a time: table k is what a byte does that
// has k more behind it.
constexpr auto kTables = [] {
  std::array<std::array<uint32_t, 256>, 8> tables{};
  for (uint32_t n = 0; n < 256; ++n) {
    uint32_t crc = n;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82F63B78u : crc >> 1;
    }
    tables[0][n] = crc;
  }
  for (std::size_t k = 1; k < tables.size(); ++k) {
    for (std::size_t n = 0; n < 256; ++n) {
      const uint32_t before = tables[k - 1][n];
      tables[k][n] = (before >> 8) ^ tables[0][before & 0xff];
    }
  }
  return tables;
}();

uint32_t byte(const char* at) { return static_cast<unsigned char>(*at); }

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  uint32_t crc = ~uint32_t{0};
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; left -= 8, at += 8) {
    crc ^=
        byte(at) | byte(at + 1) << 8 | byte(at + 2) << 16 | byte(at + 3) << 24;
    crc = kTables[7][crc & 0xff] ^ kTables[6][(crc >> 8) & 0xff] ^
          kTables[5][(crc >> 16) & 0xff] ^ kTables[4][crc >> 24] ^
          kTables[3][byte(at + 4)] ^ kTables[2][byte(at + 5)] ^
          kTables[1][byte(at + 6)] ^ kTables[0][byte(at + 7)];
  }
  for (; left > 0; --left, ++at) {
    crc = (crc >> 8) ^ kTables[0][(crc ^ byte(at)) & 0xff];
  }
  return ~crc;
}

}  // namespace bolt::detail
