#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/byte_source.h"

namespace bolt::detail::wandb {

/// Reads the records of a transaction log, up to its end or to what is no
/// record any more: half a one that a killed process left, or damage.
class LogReader {
 public:
  /// Throws DataError when it isn't such a log.
  explicit LogReader(const InputFile& file);

  /// The next record; false where none follows.
  bool next(std::string& record);
  /// Where the last record that was read ends.
  uint64_t end() const { return end_; }

 private:
  bool load(uint64_t block);
  bool next_chunk(uint8_t& type, std::string_view& content);

  const InputFile& file_;
  std::string block_{};
  uint64_t loaded_ = 0;  // where that block begins
  uint64_t at_ = 0;
  uint64_t end_ = 0;
};

}  // namespace bolt::detail::wandb
