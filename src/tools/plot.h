#pragma once

#include <torchbolt/ui/chart.h>

#include <filesystem>
#include <string>
#include <vector>

namespace bolt::tools {

/// What `torchbolt plot` draws.
struct PlotOptions {
  /// Files or folders that read_logged_metrics takes, or folders of such.
  std::vector<std::filesystem::path> runs{};
  /// Names of metrics, or patterns with `*` and `?`; none: all but "epoch".
  std::vector<std::string> metrics{};
  double smooth = 0;
  bool log_y = false;
};

/// A chart for each metric, with a curve for each run that has it, by name.
/// Throws ConfigError when none fits, DataError when a run can't be read.
std::vector<ui::Chart> plot_charts(const PlotOptions& options);

/// Writes a picture; the name's end says which kind: .svg or .png. Throws
/// ConfigError for another.
void write_charts(const std::vector<ui::Chart>& charts,
                  const std::filesystem::path& path, int width);

}  // namespace bolt::tools
