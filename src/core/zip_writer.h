#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/atomic_file.h"
#include "core/zip.h"

namespace bolt::detail {

/// What a ZipWriter does.
struct ZipWriterOptions {
  /// Data begin at multiples of it; at most 4096.
  uint64_t align = 1;
  /// Begins to bring to the disk what is written, while more is written.
  bool flush = false;
  /// Numbers from this on have no room in the records of 1989, and stand in
  /// zip64's.
  uint64_t zip64_from = 0xffffffff;
};

/// Writes a zip archive of stored files, zip64 where it is needed (PKWARE's
/// APPNOTE.TXT 6.3.10, sections 4.3 to 4.5), each with its CRC-32.
class ZipWriter {
 public:
  /// `file` is empty and outlives this.
  explicit ZipWriter(AtomicFile& file, ZipWriterOptions options = {});
  void add(std::string_view name, std::string_view bytes);
  /// Writes the list of files.
  void finish();

 private:
  std::string local_header(const ZipEntry& entry) const;
  std::string directory_entry(const ZipEntry& entry) const;
  bool big(uint64_t value) const { return value >= options_.zip64_from; }

  AtomicFile& file_;
  ZipWriterOptions options_;
  std::vector<ZipEntry> entries_{};
  uint64_t unflushed_ = 0;
};

}  // namespace bolt::detail
