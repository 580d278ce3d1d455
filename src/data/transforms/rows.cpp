#include "data/transforms/rows.h"

#include <array>
#include <cstring>

namespace bolt::detail {
namespace {

template <class Word>
void copy_words(std::byte* to, const std::byte* from, std::ptrdiff_t step,
                int64_t n) {
  constexpr auto kWidth = static_cast<std::ptrdiff_t>(sizeof(Word));
  for (int64_t k = 0; k < n; ++k) {
    std::memcpy(to + k * kWidth, from + k * step * kWidth, sizeof(Word));
  }
}

}  // namespace

void map_bytes(float* to, const uint8_t* from, std::ptrdiff_t step, int64_t n,
               const float* table) {
  // The usual steps apart, so that the compiler knows them.
  if (step == 1) {
    for (int64_t k = 0; k < n; ++k) to[k] = table[from[k]];
  } else if (step == -1) {
    for (int64_t k = 0; k < n; ++k) to[k] = table[from[-k]];
  } else {
    for (int64_t k = 0; k < n; ++k) to[k] = table[from[k * step]];
  }
}

void map_floats(float* to, const float* from, std::ptrdiff_t step, int64_t n,
                std::span<const MeanStd> maps) {
  copy_numbers(reinterpret_cast<std::byte*>(to),
               reinterpret_cast<const std::byte*>(from), step, n,
               sizeof(float));
  for (const auto [mean, std] : maps) {
    for (int64_t k = 0; k < n; ++k) to[k] = (to[k] - mean) / std;
  }
}

void copy_numbers(std::byte* to, const std::byte* from, std::ptrdiff_t step,
                  int64_t n, std::size_t width) {
  if (n == 0) return;  // then there may be no memory at all
  if (step == 1) {
    std::memcpy(to, from, static_cast<std::size_t>(n) * width);
  } else if (width == 1) {
    copy_words<uint8_t>(to, from, step, n);
  } else if (width == 2) {
    copy_words<uint16_t>(to, from, step, n);
  } else if (width == 4) {
    copy_words<uint32_t>(to, from, step, n);
  } else if (width == 8) {
    copy_words<uint64_t>(to, from, step, n);
  } else {
    copy_words<std::array<uint64_t, 2>>(to, from, step, n);
  }
}

}  // namespace bolt::detail
