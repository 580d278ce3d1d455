#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "checkpoint/file_reads.h"
#include "core/byte_source.h"
#include "core/zip.h"

namespace bolt::detail {

/// A checkpoint file, opened: its records, without the folder in which
/// torch.save puts them. Nothing but stored records, each name once.
class Archive {
 public:
  /// `reader`: the function that the user called. Refuses what isn't a
  /// checkpoint, and says what it is where that is known.
  Archive(std::string_view reader, const std::filesystem::path& path);

  const InputFile& file() const { return file_; }
  const std::vector<ZipEntry>& entries() const { return zip_->entries(); }
  /// The number in entries() of a record, such as "data/0".
  std::optional<std::size_t> find(const std::string& name) const;
  /// Reads the record with this number in entries(), all of it.
  FileRead reading(std::size_t entry, char* to, bool verify) const;
  /// A whole record, of at most `most` bytes.
  std::string read(const std::string& name, uint64_t most, bool verify) const;

 private:
  void check_kind() const;
  void index_records();
  void check_byte_order() const;

  InputFile file_;
  std::optional<ZipReader> zip_{};
  std::unordered_map<std::string, std::size_t> records_{};
};

}  // namespace bolt::detail
