#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/byte_source.h"

namespace bolt::detail {

/// A part of a file to read, and where to.
struct FileRead {
  uint64_t offset = 0;
  uint64_t bytes = 0;
  /// Null: it is only checked.
  char* to = nullptr;
  /// The CRC-32 that it must have.
  std::optional<uint32_t> crc{};
  /// For messages; outlives the reading.
  std::string_view name{};
};

/// Reads parts of a file, on several threads when there is much to read, and
/// compares their checksums in the same pass. Throws what `file.refuse` throws.
void read_all(const InputFile& file, std::vector<FileRead> reads);

}  // namespace bolt::detail
