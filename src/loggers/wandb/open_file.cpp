#include "loggers/wandb/open_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

namespace bolt::detail::wandb {

OpenFile::OpenFile(std::filesystem::path path)
    : path_(std::move(path)),
      fd_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC)) {}

OpenFile::OpenFile(OpenFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

OpenFile::~OpenFile() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace bolt::detail::wandb
