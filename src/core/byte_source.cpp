#include "core/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <torchbolt/core/error.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace bolt::detail {
namespace {

// One call of read() or gzread() takes no more.
constexpr std::size_t kMostAtOnce = std::size_t{1} << 30;

}  // namespace

std::string quoted_text(std::string_view text) {
  constexpr std::size_t kMost = 40;
  std::string shown(text.substr(0, kMost));
  for (char& c : shown) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = ' ';
  }
  return "\"" + shown + (text.size() > kMost ? "…" : "") + "\"";
}

InputFile::InputFile(std::string_view reader, const std::filesystem::path& path,
                     FileKind kind)
    : where_(std::string(reader) + "(" + path.string() + ")"), kind_(kind) {
  // Not blocking: opening a pipe would wait for somebody to write.
  fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd_ < 0) refuse("it can't be read", std::strerror(errno));
  struct stat status{};
  const bool known = ::fstat(fd_, &status) == 0;
  if (!known || !S_ISREG(status.st_mode)) {
    ::close(fd_);
    refuse("it can't be read",
           S_ISDIR(status.st_mode) ? "a folder" : "a device", "a regular file");
  }
  size_ = static_cast<uint64_t>(status.st_size);
}

InputFile::~InputFile() { ::close(fd_); }

void InputFile::read_at(uint64_t offset, void* to, std::size_t bytes) const {
  auto* at = static_cast<char*>(to);
  while (bytes > 0) {
    const ssize_t n = ::pread(fd_, at, std::min(bytes, kMostAtOnce),
                              static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) refuse("it can't be read", std::strerror(errno));
    if (n == 0) {
      refuse("it ends too early", "its end at byte " + std::to_string(offset));
    }
    at += n;
    offset += static_cast<uint64_t>(n);
    bytes -= static_cast<std::size_t>(n);
  }
}

void InputFile::refuse(std::string what, std::string got, std::string expected,
                       std::string tip) const {
  ErrorText text{.where = where_,
                 .what = std::move(what),
                 .got = std::move(got),
                 .expected = std::move(expected),
                 .tip = std::move(tip)};
  if (kind_ == FileKind::kData) throw DataError(std::move(text));
  throw CheckpointError(std::move(text));
}

std::size_t ByteSource::read_some(void* to, std::size_t bytes) {
  auto* at = static_cast<char*>(to);
  std::size_t have = 0;
  while (have < bytes) {
    const std::size_t n =
        do_read(at + have, std::min(bytes - have, kMostAtOnce));
    if (n == 0) break;
    have += n;
    offset_ += n;
  }
  return have;
}

void ByteSource::read(void* to, std::size_t bytes, std::string_view part) {
  const std::size_t n = read_some(to, bytes);
  if (n == bytes) return;
  refuse("it ends too early", "its end in " + std::string(part),
         std::to_string(bytes - n) + " more bytes");
}

void ByteSource::expect_end() {
  char more = 0;
  if (read_some(&more, 1) != 0) {
    refuse("there is more after the data", "extra bytes", "its end");
  }
}

void ByteSource::refuse(std::string what, std::string got, std::string expected,
                        std::string tip) const {
  throw DataError(
      {.where = where_,
       .what = std::move(what) + " (at byte " + std::to_string(offset_) + ")",
       .got = std::move(got),
       .expected = std::move(expected),
       .tip = std::move(tip)});
}

FileSource::FileSource(const InputFile& file, std::string where, uint64_t first,
                       uint64_t end)
    : ByteSource(std::move(where)), file_(file), first_(first), end_(end) {}

std::size_t FileSource::do_read(void* to, std::size_t bytes) {
  const auto n = static_cast<std::size_t>(std::min<uint64_t>(bytes, at_most()));
  if (n > 0) file_.read_at(first_ + offset(), to, n);
  return n;
}

GzipSource::GzipSource(const InputFile& file) : ByteSource(file.where()) {
  // zlib closes what it is given.
  const int fd = ::dup(file.descriptor());
  file_ = fd < 0 ? nullptr : ::gzdopen(fd, "rb");
  if (file_ == nullptr) {
    if (fd >= 0) ::close(fd);
    file.refuse("it can't be read", std::strerror(errno));
  }
  ::gzbuffer(file_, 1 << 17);
  plain_ = ::gzdirect(file_) != 0;
  bound_ = plain_ ? file.size() : inflated_bound(file.size());
}

GzipSource::~GzipSource() { ::gzclose(file_); }

std::size_t GzipSource::do_read(void* to, std::size_t bytes) {
  const int n = ::gzread(file_, to, static_cast<unsigned>(bytes));
  if (n > 0) {
    // A plain file may have grown, and that is what must not be read.
    return static_cast<std::size_t>(
        std::min<uint64_t>(static_cast<uint64_t>(n), at_most()));
  }
  int code = Z_OK;
  const char* message = ::gzerror(file_, &code);
  // A file cut short ends with an error that a read alone doesn't show.
  if (n < 0 || (code != Z_OK && code != Z_STREAM_END)) {
    refuse(
        code == Z_BUF_ERROR ? "it ends too early" : "its compression is broken",
        message);
  }
  return 0;
}

}  // namespace bolt::detail
