#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/byte_source.h"

namespace bolt::detail {

/// What a zip file says of one of its files.
struct ZipEntry {
  std::string name{};
  uint16_t method = 0;  ///< 0 stored, 8 deflated
  uint32_t crc = 0;
  uint64_t compressed = 0;  ///< bytes in the archive
  uint64_t size = 0;        ///< bytes of the file itself
  uint64_t header = 0;      ///< where its local header begins
  uint64_t end = 0;         ///< where what follows it begins
};

/// The files of a zip archive, zip64 included (PKWARE's APPNOTE.TXT 6.3.10,
/// sections 4.3 to 4.5). Nothing that the archive says is believed before it
/// is compared with the file's size; files that overlap, encrypted ones and
/// archives in parts are refused.
class ZipReader {
 public:
  /// Reads the list of files. `file` must outlive this and its sources.
  explicit ZipReader(const InputFile& file);
  const std::vector<ZipEntry>& entries() const { return entries_; }
  /// The bytes of one file; `expect_end()` compares its checksum.
  std::unique_ptr<ByteSource> open(const ZipEntry& entry) const;
  /// Where in the file its `compressed` bytes begin, all of which are before
  /// what follows it.
  uint64_t data_offset(const ZipEntry& entry) const;

 private:
  struct Directory {
    uint64_t entries = 0;
    uint64_t size = 0;
    uint64_t offset = 0;
  };
  Directory find_directory() const;
  bool find_zip64(uint64_t end, Directory& directory) const;
  void read_directory(const Directory& directory);
  void check_overlap(uint64_t directory);

  const InputFile& file_;
  std::vector<ZipEntry> entries_{};
};

}  // namespace bolt::detail
