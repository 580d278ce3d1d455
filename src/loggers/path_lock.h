#pragma once

#include <filesystem>
#include <memory>

namespace bolt::detail {

/// Says to other processes that a file, or what is in a folder, is being
/// written. It goes with its owner, and with the process.
class PathLock {
 public:
  explicit PathLock(const std::filesystem::path& path);
  ~PathLock();
  PathLock(const PathLock&) = delete;
  PathLock& operator=(const PathLock&) = delete;
  /// The same one for all in this process who ask for that path.
  static std::shared_ptr<const PathLock> shared(
      const std::filesystem::path& path);
  /// False when somebody else has it.
  bool is_held() const { return held_; }

 private:
  int fd_ = -1;
  bool held_ = false;
};

}  // namespace bolt::detail
