#pragma once

#include <filesystem>

namespace bolt::detail::wandb {

/// A file as it is now: it stays readable, the same, when it is removed or
/// another takes its place.
class OpenFile {
 public:
  /// Not open when it isn't there.
  explicit OpenFile(std::filesystem::path path);
  ~OpenFile();
  OpenFile(OpenFile&& other) noexcept;
  OpenFile& operator=(OpenFile&&) = delete;

  bool is_open() const { return fd_ >= 0; }
  int descriptor() const { return fd_; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  int fd_ = -1;
};

}  // namespace bolt::detail::wandb
