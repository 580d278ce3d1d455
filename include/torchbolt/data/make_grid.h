#pragma once

#include <ATen/core/Tensor.h>
#include <torchbolt/export.h>

#include <cstdint>
#include <optional>
#include <utility>

namespace bolt {

/// How make_grid lays out; names and defaults are torchvision's.
struct GridOptions {
  /// Pictures in a row.
  int64_t nrow = 8;
  /// Pixels between pictures, and around them all.
  int64_t padding = 2;
  /// Stretches values so that `value_range` becomes 0 to 1 and cuts off what
  /// lies beyond. For floating point.
  bool normalize = false;
  /// The smallest and largest value; none: those that there are.
  std::optional<std::pair<double, double>> value_range{};
  /// Stands between the pictures.
  double pad_value = 0;
};

/// One picture of several, row by row: `images` has shape [n, channels, height,
/// width], or [n, height, width] for grey ones; the result [channels, rows,
/// columns] or [rows, columns], of the same type, on the same device. Throws
/// DataError for another shape or no picture, ConfigError for options that make
/// no grid.
///
///     // A generator's output, which is between -1 and 1
///     bolt::make_grid(fake, {.normalize = true, .value_range = {{-1, 1}}});
TORCHBOLT_API at::Tensor make_grid(const at::Tensor& images,
                                   const GridOptions& options = {});

}  // namespace bolt
