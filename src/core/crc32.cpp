#include "core/crc32.h"

#include <libdeflate.h>

namespace bolt::detail {

// Not zlib's: that takes ten times as long.
uint32_t crc32(uint32_t before, const void* data, std::size_t bytes) {
  return ::libdeflate_crc32(before, data, bytes);
}

}  // namespace bolt::detail
