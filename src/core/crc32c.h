#pragma once

#include <cstdint>
#include <string_view>

namespace bolt::detail {

/// The CRC-32C (Castagnoli) of some bytes, which TFRecord files use.
uint32_t crc32c(std::string_view bytes);

}  // namespace bolt::detail
