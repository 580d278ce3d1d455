#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bolt::detail::wandb {

// The hashes that W&B knows files by; nothing is kept secret with them.

/// MD5 (RFC 1321).
class Md5 {
 public:
  void update(std::string_view bytes);
  /// 16 bytes; nothing may follow.
  std::string finish();

 private:
  void block(const unsigned char* bytes);
  std::array<uint32_t, 4> state_{0x67452301, 0xefcdab89, 0x98badcfe,
                                 0x10325476};
  std::string rest_{};
  uint64_t size_ = 0;
};

std::string md5_of(std::string_view bytes);
/// SHA-256 (FIPS 180-4), 32 bytes.
std::string sha256_of(std::string_view bytes);

/// Two digits of 0-9a-f a byte.
std::string hex(std::string_view bytes);
/// RFC 4648, with padding.
std::string base64(std::string_view bytes);

}  // namespace bolt::detail::wandb
