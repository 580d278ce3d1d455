#pragma once

#include <torchbolt/export.h>

#include <filesystem>
#include <string>

namespace bolt {

/// A picture as the content of a file, such as a plot of another program: what
/// loggers get that can show it.
///
///     log_figure("confusion", bolt::Figure::read("confusion.png"));
struct TORCHBOLT_API Figure {
  /// The content of a file, whose name says the format. Throws Error when it
  /// can't be read.
  static Figure read(const std::filesystem::path& path);

  std::string bytes{};
  /// The ending that a file of it has: "png", "jpg", "gif", "svg".
  std::string format = "png";
};

}  // namespace bolt
