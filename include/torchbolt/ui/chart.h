#pragma once

#include <torchbolt/export.h>
#include <torchbolt/ui/style.h>

#include <cstdint>
#include <string>
#include <vector>

namespace bolt::ui {

/// One line of a chart. A point that isn't finite is a gap.
struct Curve {
  std::string label{};
  std::vector<double> x{};
  std::vector<double> y{};
};

/// Curves over one x axis. In charts that stand together, curves of the same
/// label have the same colour.
struct Chart {
  std::string title{};
  std::vector<Curve> curves{};
  /// 0 to below 1: how much of the values before goes into each. The values
  /// themselves stay visible, in a paler colour.
  double smooth = 0;
  /// A logarithmic y axis; values that aren't positive are gaps then.
  bool log_y = false;
};

/// How charts stand together on a page.
struct PageOptions {
  int width = 1000;  ///< pixels
  int columns = 2;   ///< charts beside each other, at most
};

/// A picture, row by row, three bytes a pixel: red, green, blue.
struct Pixels {
  int width = 0;
  int height = 0;
  std::vector<uint8_t> rgb{};
};

/// Charts one below the other, each of so many characters, with braille dots
/// (ASCII where the style has no Unicode), and above them which colour is which
/// curve, where there are several.
///
///     const bolt::ui::Chart chart{"loss", {{"run", {0, 1, 2}, {3, 2, 1.5}}}};
///     for (auto& line : bolt::ui::draw_charts({chart}, 80, 16, style)) {
///       std::cout << line << "\n";
///     }
TORCHBOLT_API std::vector<std::string> draw_charts(
    const std::vector<Chart>& charts, int width, int height,
    const Style& style);

/// Charts as the content of an SVG file.
TORCHBOLT_API std::string charts_svg(const std::vector<Chart>& charts,
                                     const PageOptions& options = {});

/// The same picture as pixels.
TORCHBOLT_API Pixels charts_pixels(const std::vector<Chart>& charts,
                                   const PageOptions& options = {});

/// Values, each mixed with those before it, as TensorBoard does: `weight` times
/// the mean so far and the rest of the value, corrected for the beginning.
TORCHBOLT_API std::vector<double> smoothed(const std::vector<double>& values,
                                           double weight);

}  // namespace bolt::ui
