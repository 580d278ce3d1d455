#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace bolt::detail {

/// A file that is being written beside its place, and takes it when it is
/// whole: at any moment the path holds either the old or the new content.
/// Without commit() nothing of it is left; where the system can, not even after
/// the process was killed. Throws Error naming the path and the cause.
class AtomicFile {
 public:
  /// Folders on the way are made.
  explicit AtomicFile(const std::filesystem::path& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Goes on where the last one ended.
  void write(std::string_view bytes);
  /// Replaces bytes that were written before.
  void replace(uint64_t offset, std::string_view bytes);
  /// How much was written.
  uint64_t size() const { return size_; }
  /// Lets the system begin to bring to the disk what was written so far, so
  /// that commit() has less to wait for.
  void start_flush();
  /// Takes the place. `durable`: the content is on the disk before it does, and
  /// its name before this returns, so that not even a loss of power loses it.
  void commit(bool durable = true);

 private:
  void open();
  void take_name();

  std::filesystem::path path_;
  std::filesystem::path folder_;
  std::filesystem::path temporary_{};  // none while the file has no name
  int fd_ = -1;
  uint64_t size_ = 0;
  uint64_t flushed_ = 0;
};

}  // namespace bolt::detail
