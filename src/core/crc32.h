#pragma once

#include <cstddef>
#include <cstdint>

namespace bolt::detail {

/// Goes on with the CRC-32 of zip files and PNGs, which begins with 0.
uint32_t crc32(uint32_t before, const void* data, std::size_t bytes);

}  // namespace bolt::detail
