#pragma once

#include <cstddef>
#include <vector>

#include "checkpoint/archive.h"

namespace bolt::detail {

/// A record to read, and where to.
struct RecordRead {
  std::size_t entry = 0;
  /// As many bytes as the record has; null: only its checksum is compared.
  char* to = nullptr;
};

/// Reads records, on several threads when there is much to read. `verify`
/// compares their checksums in the same pass. Throws CheckpointError.
void read_records(const Archive& archive, std::vector<RecordRead> reads,
                  bool verify);

}  // namespace bolt::detail
