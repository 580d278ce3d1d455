#include "core/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <torchbolt/core/files.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <string>

#include "core/file_error.h"

namespace bolt::detail {
namespace {

// One that nobody else takes: other processes have other numbers.
std::filesystem::path next_name(const std::filesystem::path& folder) {
  static std::atomic<uint64_t> count{0};
  return folder / (".torchbolt-" + std::to_string(::getpid()) + "-" +
                   std::to_string(count.fetch_add(1)));
}

// How a file without a name gets one.
std::string descriptor_path(int fd) {
  return "/proc/self/fd/" + std::to_string(fd);
}

}  // namespace

AtomicFile::AtomicFile(const std::filesystem::path& path)
    : path_(path), folder_(path.has_parent_path() ? path.parent_path() : ".") {
  make_directories(folder_);
  open();
}

void AtomicFile::open() {
#ifdef O_TMPFILE
  // Without a name, so that the system removes it however this process ends.
  fd_ = ::open(folder_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
  if (fd_ >= 0 && ::access(descriptor_path(fd_).c_str(), F_OK) == 0) return;
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
#endif
  do {
    temporary_ = next_name(folder_);
    fd_ =
        ::open(temporary_.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0666);
  } while (fd_ < 0 && errno == EEXIST);
  if (fd_ < 0) {
    const int error = errno;
    temporary_.clear();
    fail_with("can't write into the folder", path_, error);
  }
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_with("can't write", path_, errno);
    bytes.remove_prefix(static_cast<std::size_t>(n));
    size_ += static_cast<uint64_t>(n);
  }
}

void AtomicFile::replace(uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n =
        ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_with("can't write", path_, errno);
    bytes.remove_prefix(static_cast<std::size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
}

void AtomicFile::start_flush() {
#ifdef SYNC_FILE_RANGE_WRITE
  // Only a hint: commit() sees what goes wrong.
  ::sync_file_range(fd_, static_cast<off_t>(flushed_),
                    static_cast<off_t>(size_ - flushed_),
                    SYNC_FILE_RANGE_WRITE);
  flushed_ = size_;
#endif
}

void AtomicFile::take_name() {
  if (!temporary_.empty()) return;
  std::filesystem::path name;
  do {
    name = next_name(folder_);
    if (::linkat(AT_FDCWD, descriptor_path(fd_).c_str(), AT_FDCWD, name.c_str(),
                 AT_SYMLINK_FOLLOW) == 0) {
      temporary_ = name;
      return;
    }
  } while (errno == EEXIST);
  fail_with("can't write into the folder", path_, errno);
}

void AtomicFile::commit(bool durable) {
  if (durable && ::fsync(fd_) != 0) fail_with("can't flush", path_, errno);
  take_name();
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
    fail_with("can't rename the new file to this", path_, errno);
  }
  temporary_.clear();
  if (!durable) return;
  // The rename itself is durable once the folder is.
  const int folder =
      ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return;
  const int failed = ::fsync(folder) != 0 ? errno : 0;
  ::close(folder);
  // Some file systems can't flush a folder.
  if (failed != 0 && failed != EINVAL)
    fail_with("can't flush the folder", path_, failed);
}

}  // namespace bolt::detail
