#include <fcntl.h>
#include <sys/stat.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <system_error>

namespace bolt {
namespace {

[[noreturn]] void fail(const std::string& what,
                       const std::filesystem::path& path, int error) {
  throw Error({.where = path.string(),
               .what = what + ": " + std::generic_category().message(error)});
}

// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

void write_all(int fd, std::string_view bytes,
               const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("can't write", path, errno);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

// There is no way to ask without setting it, but for Linux's own.
mode_t current_umask() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    if (word != "Umask:") continue;
    unsigned mask = 0;
    status >> std::oct >> mask;
    return static_cast<mode_t>(mask);
  }
  return 022;
}

}  // namespace

void write_atomic(const std::filesystem::path& path, std::string_view bytes) {
  write_atomic(path, std::span<const std::string_view>(&bytes, 1));
}

void write_atomic(const std::filesystem::path& path,
                  std::span<const std::string_view> parts) {
  const std::filesystem::path folder =
      path.has_parent_path() ? path.parent_path() : ".";
  make_directories(folder);
  std::string temporary = (folder / ".torchbolt-XXXXXX").string();
  const Descriptor file(::mkstemp(temporary.data()));
  if (file.get() < 0) fail("can't write into the folder", path, errno);
  try {
    for (const std::string_view part : parts) {
      write_all(file.get(), part, path);
    }
    ::fchmod(file.get(), 0666 & ~current_umask());
    if (::fsync(file.get()) != 0) fail("can't flush", path, errno);
    if (::rename(temporary.c_str(), path.c_str()) != 0) {
      fail("can't rename the new file to this", path, errno);
    }
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  // The rename itself is durable once the folder is.
  const Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY));
  if (directory.get() >= 0) ::fsync(directory.get());
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) fail("can't read", path, errno);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return std::move(bytes).str();
}

void make_directories(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) fail("can't make the folder", path, error.value());
}

std::filesystem::path expand_user(const std::filesystem::path& path) {
  const std::string text = path.string();
  if (text != "~" && !text.starts_with("~/")) return path;
  const char* home = std::getenv("HOME");
  if (home == nullptr) return path;
  return std::filesystem::path(home) / text.substr(text.size() > 1 ? 2 : 1);
}

}  // namespace bolt
