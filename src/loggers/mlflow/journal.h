#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace bolt::detail {

/// One line of a journal.
struct JournalLine {
  int64_t seq = 0;
  /// What it is about: "run", "metrics", …
  std::string_view op{};
  /// The line as JSON, its checksum and number among the rest.
  std::string_view json{};
};

/// The first line of `bytes`, which go on behind it afterwards; none, and
/// `bytes` as before, when that line isn't whole.
std::optional<JournalLine> take_line(std::string_view& bytes);

/// No line is longer. Who adds one splits it.
inline constexpr std::size_t kMostJournalLine = 1 << 20;

/// A file to which lines are added and from which they are read in the same
/// order, each a JSON object with a number and a checksum (docs/formats/
/// mlflow.md). A line that was added is read back even after `kill -9`. One
/// process at a time has it. Thread-safe.
class Journal {
 public:
  /// Makes the file, or goes on behind its last whole line. Throws Error when
  /// another process has it, or the system refuses.
  explicit Journal(std::filesystem::path path);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  enum class Keep { kAlways, kIfRoom };

  /// Adds {"op":…, members}: `members` is JSON without the braces. While the
  /// disk is full, lines wait in memory; when there are too many, those that
  /// needn't be kept are dropped. Returns whether the line was taken.
  bool append(std::string_view op, std::string_view members,
              Keep keep = Keep::kAlways);
  /// Where the next line begins.
  /// Never waits for the disk.
  uint64_t size() const { return size_; }
  /// At most `most` bytes from there on.
  std::string read(uint64_t offset, std::size_t most) const;
  /// Takes out what is behind `offset`, where a line begins.
  void cut(uint64_t offset);
  /// Brings all to the disk.
  void flush();

  const std::filesystem::path& path() const { return path_; }
  /// Lines that found no room.
  int64_t dropped() const;
  /// Lines that are in memory alone.
  int64_t waiting() const;
  /// The system's error number of the last write, 0 when it went well.
  int write_error() const;

 private:
  void lock_file();
  void find_end();
  bool write_out(std::string_view bytes);
  void flush_waiting();

  std::filesystem::path path_;
  int fd_ = -1;
  mutable std::mutex mutex_{};
  uint64_t written_ = 0;
  std::atomic<uint64_t> size_{0};
  int64_t next_seq_ = 0;
  std::string waiting_{};  // behind what is written, for want of room
  int64_t dropped_ = 0;
  int write_error_ = 0;
};

}  // namespace bolt::detail
