#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace bolt::detail {

/// 32 hexadecimal digits that nobody else has.
std::string random_name();

/// Files on their way to a server, in the folder of their run, where they stay
/// as they were, whatever becomes of the original.
class Staging {
 public:
  explicit Staging(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// Keeps a copy of a file. Its path, relative to the folder. Throws Error,
  /// and keeps no part of it.
  std::string keep_copy(const std::filesystem::path& file) const;
  /// The same for a file that is never changed, only removed or replaced: a
  /// second name for its content, where that can be.
  std::string keep_link(const std::filesystem::path& file) const;
  /// Keeps a content.
  std::string keep_bytes(std::string_view bytes,
                         const std::string& extension) const;

 private:
  // A path in the folder, relative to it.
  std::string new_file(const std::string& extension) const;

  std::filesystem::path folder_;
};

}  // namespace bolt::detail
