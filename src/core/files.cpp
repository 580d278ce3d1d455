#include <torchbolt/core/files.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <system_error>

#include "core/atomic_file.h"
#include "core/file_error.h"

namespace bolt {

void write_atomic(const std::filesystem::path& path, std::string_view bytes) {
  write_atomic(path, std::span<const std::string_view>(&bytes, 1));
}

void write_atomic(const std::filesystem::path& path,
                  std::span<const std::string_view> parts) {
  detail::AtomicFile file(path);
  for (const std::string_view part : parts) file.write(part);
  file.commit();
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) detail::fail_with("can't read", path, errno);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return std::move(bytes).str();
}

void make_directories(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) detail::fail_with("can't make the folder", path, error.value());
}

std::filesystem::path expand_user(const std::filesystem::path& path) {
  const std::string text = path.string();
  if (text != "~" && !text.starts_with("~/")) return path;
  const char* home = std::getenv("HOME");
  if (home == nullptr) return path;
  return std::filesystem::path(home) / text.substr(text.size() > 1 ? 2 : 1);
}

}  // namespace bolt
