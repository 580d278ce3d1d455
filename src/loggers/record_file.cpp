#include "loggers/record_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>
#include <unistd.h>

#include <cerrno>

#include "core/file_error.h"

namespace bolt::detail {

RecordFile::RecordFile(const std::filesystem::path& path, uint64_t size,
                       RecordFileOptions options)
    : path_(path),
      options_(options),
      size_(size),
      last_sync_(std::chrono::steady_clock::now()) {
  if (path.has_parent_path()) make_directories(path.parent_path());
  fd_ = ::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0666);
  if (fd_ < 0) fail_with("can't open", path, errno);
  struct stat status{};
  if (::fstat(fd_, &status) != 0 ||
      static_cast<uint64_t>(status.st_size) < size) {
    ::close(fd_);
    throw Error({.where = path.string(),
                 .what = "the file is shorter than it was",
                 .got = std::to_string(status.st_size) + " bytes",
                 .expected = "at least " + std::to_string(size)});
  }
  if (static_cast<uint64_t>(status.st_size) > size &&
      ::ftruncate(fd_, static_cast<off_t>(size)) != 0) {
    const int error = errno;
    ::close(fd_);
    fail_with("can't cut the file", path, error);
  }
}

RecordFile::~RecordFile() { ::close(fd_); }

void RecordFile::add(std::string_view record) {
  if (!pending_.empty() &&
      pending_.size() + record.size() > options_.most_pending) {
    throw Error({.where = path_.string(),
                 .what = "too much waits to be written; this is lost"});
  }
  pending_ += record;
  ++waiting_;
}

void RecordFile::flush() {
  if (!pending_.empty()) append(pending_);
  pending_.clear();
  waiting_ = 0;
  if (synced_) return;
  const Time now = std::chrono::steady_clock::now();
  if (now - last_sync_ >= options_.sync_every) sync();
}

void RecordFile::append(std::string_view bytes) {
  if (torn_) {
    if (::ftruncate(fd_, static_cast<off_t>(size_)) != 0) {
      fail_with("can't cut the file", path_, errno);
    }
    torn_ = false;
  }
  std::string_view left = bytes;
  uint64_t at = size_;
  while (!left.empty()) {
    const ssize_t n =
        ::pwrite(fd_, left.data(), left.size(), static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      const int error = n < 0 ? errno : ENOSPC;
      // A reader takes a piece of a record for one that goes on.
      torn_ = at > size_ && ::ftruncate(fd_, static_cast<off_t>(size_)) != 0;
      fail_with("can't write", path_, error);
    }
    at += static_cast<uint64_t>(n);
    left.remove_prefix(static_cast<std::size_t>(n));
  }
  synced_ = synced_ && at == size_;
  size_ = at;
}

void RecordFile::sync() {
  last_sync_ = std::chrono::steady_clock::now();
  if (synced_) return;
  if (::fdatasync(fd_) != 0 && errno != EINVAL) {
    fail_with("can't flush", path_, errno);
  }
  synced_ = true;
}

bool RecordFile::is_there() const {
  struct stat own{}, there{};
  return ::fstat(fd_, &own) == 0 && ::stat(path_.c_str(), &there) == 0 &&
         own.st_dev == there.st_dev && own.st_ino == there.st_ino;
}

}  // namespace bolt::detail
