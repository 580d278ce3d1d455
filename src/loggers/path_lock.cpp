#include "loggers/path_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <mutex>
#include <string>
#include <system_error>

namespace bolt::detail {

PathLock::PathLock(const std::filesystem::path& path)
    : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  // Some file systems know no locks.
  held_ = fd_ >= 0 &&
          (::flock(fd_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK);
}

PathLock::~PathLock() {
  if (fd_ >= 0) ::close(fd_);
}

std::shared_ptr<const PathLock> PathLock::shared(
    const std::filesystem::path& path) {
  static std::mutex mutex;
  static std::map<std::string, std::weak_ptr<const PathLock>> known;
  const std::scoped_lock lock(mutex);
  std::erase_if(known,
                [](const auto& entry) { return entry.second.expired(); });
  std::error_code error;
  auto& place = known[std::filesystem::weakly_canonical(path, error).string()];
  auto found = place.lock();
  if (found == nullptr) place = found = std::make_shared<const PathLock>(path);
  return found;
}

}  // namespace bolt::detail
