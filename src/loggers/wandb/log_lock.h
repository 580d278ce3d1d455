#pragma once

#include <filesystem>

namespace bolt::detail::wandb {

/// Says to other processes that a log is being written. It goes with its owner,
/// and with the process.
class LogLock {
 public:
  explicit LogLock(const std::filesystem::path& log);
  ~LogLock();
  LogLock(const LogLock&) = delete;
  LogLock& operator=(const LogLock&) = delete;
  /// False when somebody else has it.
  bool is_held() const { return held_; }

 private:
  int fd_ = -1;
  bool held_ = false;
};

}  // namespace bolt::detail::wandb
