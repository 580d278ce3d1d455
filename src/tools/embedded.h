#pragma once

#include <span>
#include <string_view>

namespace bolt::tools {

/// A file that stands in the program.
struct EmbeddedFile {
  std::string_view path{};
  std::string_view content{};
};

/// The files of src/tools/templates; the build writes this function.
std::span<const EmbeddedFile> embedded_files();

}  // namespace bolt::tools
