#include "loggers/wandb/log_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

namespace bolt::detail::wandb {

LogLock::LogLock(const std::filesystem::path& log)
    : fd_(::open(log.c_str(), O_RDONLY | O_CLOEXEC)) {
  // Some file systems know no locks.
  held_ = fd_ >= 0 &&
          (::flock(fd_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK);
}

LogLock::~LogLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace bolt::detail::wandb
