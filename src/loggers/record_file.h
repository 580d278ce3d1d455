#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace bolt::detail {

/// Settings of RecordFile.
struct RecordFileOptions {
  /// How much may wait while it can't be written.
  std::size_t most_pending = std::size_t{4} << 20;
  /// How often what is written is brought to the disk.
  std::chrono::seconds sync_every{30};
};

/// A file that grows by whole records: each `flush` is one `write(2)`, and what
/// it couldn't write as a whole isn't there. So a reader, and a process that is
/// killed, find whole records, but for the last at most. Used by one thread.
class RecordFile {
 public:
  /// Goes on behind the first `size` bytes of a file; what follows them is cut
  /// off. None: it is made, folders too. Throws Error naming the path.
  RecordFile(const std::filesystem::path& path, uint64_t size,
             RecordFileOptions options = {});
  ~RecordFile();
  RecordFile(const RecordFile&) = delete;
  RecordFile& operator=(const RecordFile&) = delete;

  /// Adds to what `flush` will write. Throws Error when too much waits already:
  /// this record is lost then.
  void add(std::string_view record);
  /// Writes what was added. Throws Error when it can't: then the file ends
  /// where it ended before, and the records wait for the next try.
  void flush();
  /// Writes this at once, without what waits. When it can't, it isn't kept.
  void append(std::string_view bytes);
  /// Brings what is written to the disk, so that a loss of power doesn't lose
  /// it.
  void sync();

  /// Of the file, without what waits.
  uint64_t size() const { return size_; }
  /// How many records wait.
  std::size_t pending() const { return waiting_; }
  const std::filesystem::path& path() const { return path_; }
  /// Whether the path still leads to this file.
  bool is_there() const;

 private:
  using Time = std::chrono::steady_clock::time_point;

  std::filesystem::path path_;
  RecordFileOptions options_;
  int fd_ = -1;
  uint64_t size_ = 0;
  std::string pending_{};
  std::size_t waiting_ = 0;
  // A write ended in the middle, and cutting off that piece failed.
  bool torn_ = false;
  bool synced_ = true;
  Time last_sync_{};
};

}  // namespace bolt::detail
