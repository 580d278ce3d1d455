#include "loggers/wandb/digest.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace bolt::detail::wandb {
namespace {

constexpr std::size_t kHashed = 64;  // both take blocks of that size

// What ends the text: a one, zeros up to a whole block, and its length in bits.
std::string padding(uint64_t size, std::endian order) {
  std::string out = "\x80";
  while ((size + out.size()) % kHashed != kHashed - 8) out += '\0';
  for (int k = 0; k < 8; ++k) {
    const int shift = 8 * (order == std::endian::little ? k : 7 - k);
    out += static_cast<char>((size * 8) >> shift & 0xff);
  }
  return out;
}

uint32_t word(const unsigned char* bytes, std::endian order) {
  uint32_t value = 0;
  for (int k = 0; k < 4; ++k) {
    const int shift = 8 * (order == std::endian::little ? k : 3 - k);
    value |= static_cast<uint32_t>(bytes[k]) << shift;
  }
  return value;
}

template <std::size_t N>
std::string bytes_of(const std::array<uint32_t, N>& words, std::endian order) {
  std::string out;
  for (const uint32_t value : words) {
    for (int k = 0; k < 4; ++k) {
      const int shift = 8 * (order == std::endian::little ? k : 3 - k);
      out += static_cast<char>(value >> shift & 0xff);
    }
  }
  return out;
}

const unsigned char* octets(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

// floor(2^32 |sin(k + 1)|)
std::array<uint32_t, 64> make_sines() {
  std::array<uint32_t, 64> out{};
  for (std::size_t k = 0; k < out.size(); ++k) {
    out[k] = static_cast<uint32_t>(
        std::floor(std::abs(std::sin(static_cast<double>(k + 1))) * 0x1p32));
  }
  return out;
}

constexpr std::array<uint32_t, 64> kSha256{
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
    0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
    0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
    0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
    0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
    0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

void sha256_block(std::array<uint32_t, 8>& state, const unsigned char* bytes) {
  std::array<uint32_t, 64> w{};
  for (std::size_t k = 0; k < 16; ++k) {
    w[k] = word(bytes + 4 * k, std::endian::big);
  }
  for (std::size_t k = 16; k < 64; ++k) {
    const uint32_t a = w[k - 15];
    const uint32_t b = w[k - 2];
    w[k] = w[k - 16] + w[k - 7] +
           (std::rotr(a, 7) ^ std::rotr(a, 18) ^ a >> 3) +
           (std::rotr(b, 17) ^ std::rotr(b, 19) ^ b >> 10);
  }
  auto s = state;
  for (std::size_t k = 0; k < 64; ++k) {
    const uint32_t e = s[4];
    const uint32_t a = s[0];
    const uint32_t t = s[7] +
                       (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) +
                       ((e & s[5]) ^ (~e & s[6])) + kSha256[k] + w[k];
    const uint32_t u = (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) +
                       ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
    s = {t + u, s[0], s[1], s[2], s[3] + t, s[4], s[5], s[6]};
  }
  for (std::size_t k = 0; k < 8; ++k) state[k] += s[k];
}

}  // namespace

void Md5::block(const unsigned char* bytes) {
  static const std::array<uint32_t, 64> kSines = make_sines();
  constexpr std::array<std::array<int, 4>, 4> kTurns{
      {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}}};
  constexpr std::array<std::size_t, 4> kStride{1, 5, 3, 7};
  constexpr std::array<std::size_t, 4> kBegin{0, 1, 5, 0};
  auto [a, b, c, d] = state_;
  for (std::size_t k = 0; k < 64; ++k) {
    const std::size_t round = k / 16;
    uint32_t f = 0;
    if (round == 0) f = (b & c) | (~b & d);
    if (round == 1) f = (d & b) | (~d & c);
    if (round == 2) f = b ^ c ^ d;
    if (round == 3) f = c ^ (b | ~d);
    const std::size_t at = (kBegin[round] + kStride[round] * k) % 16;
    f += a + kSines[k] + word(bytes + 4 * at, std::endian::little);
    a = d;
    d = c;
    c = b;
    b += std::rotl(f, kTurns[round][k % 4]);
  }
  state_[0] += a;
  state_[1] += b;
  state_[2] += c;
  state_[3] += d;
}

void Md5::update(std::string_view bytes) {
  size_ += bytes.size();
  if (!rest_.empty()) {
    const std::string_view more =
        bytes.substr(0, std::min(bytes.size(), kHashed - rest_.size()));
    rest_ += more;
    bytes.remove_prefix(more.size());
    if (rest_.size() < kHashed) return;
    block(octets(rest_));
    rest_.clear();
  }
  for (; bytes.size() >= kHashed; bytes.remove_prefix(kHashed)) {
    block(octets(bytes));
  }
  rest_ = bytes;
}

std::string Md5::finish() {
  update(padding(size_, std::endian::little));
  return bytes_of(state_, std::endian::little);
}

std::string md5_of(std::string_view bytes) {
  Md5 md5;
  md5.update(bytes);
  return md5.finish();
}

std::string sha256_of(std::string_view bytes) {
  std::array<uint32_t, 8> state{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::string_view whole = bytes;
  for (; whole.size() >= kHashed; whole.remove_prefix(kHashed)) {
    sha256_block(state, octets(whole));
  }
  const std::string end =
      std::string(whole) + padding(bytes.size(), std::endian::big);
  for (std::size_t k = 0; k < end.size(); k += kHashed) {
    sha256_block(state, octets(end) + k);
  }
  return bytes_of(state, std::endian::big);
}

std::string hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out += kDigits[static_cast<uint8_t>(c) >> 4];
    out += kDigits[static_cast<uint8_t>(c) & 0xf];
  }
  return out;
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t k = 0; k < bytes.size(); k += 3) {
    const std::string_view three = bytes.substr(k, 3);
    uint32_t value = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      value = value << 8 |
              (j < three.size() ? static_cast<uint8_t>(three[j]) : uint8_t{0});
    }
    for (std::size_t j = 0; j < 4; ++j) {
      out += j > three.size() ? '=' : kDigits[value >> (18 - 6 * j) & 0x3f];
    }
  }
  return out;
}

}  // namespace bolt::detail::wandb
