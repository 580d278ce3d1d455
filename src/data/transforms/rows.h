#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace bolt::detail {

/// (x - mean) / std
struct MeanStd {
  float mean = 0;
  float std = 1;
};

/// to[k] = table[from[k * step]]
void map_bytes(float* to, const uint8_t* from, std::ptrdiff_t step, int64_t n,
               const float* table);

/// to[k] = from[k * step], mapped by one map after the other.
void map_floats(float* to, const float* from, std::ptrdiff_t step, int64_t n,
                std::span<const MeanStd> maps);

/// to[k] = from[k * step], for numbers of `width` bytes: 1, 2, 4, 8 or 16.
void copy_numbers(std::byte* to, const std::byte* from, std::ptrdiff_t step,
                  int64_t n, std::size_t width);

}  // namespace bolt::detail
