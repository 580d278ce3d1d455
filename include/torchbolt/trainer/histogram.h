#pragma once

#include <ATen/core/Tensor.h>
#include <torchbolt/export.h>

#include <cstdint>
#include <vector>

namespace bolt {

/// How the values of a tensor are spread: what loggers get that can show it.
struct Histogram {
  /// Values that are finite; those that aren't are in no bin and no sum.
  int64_t count = 0;
  int64_t non_finite = 0;
  /// Of the finite values; 0 where there are none.
  double min = 0;
  double max = 0;
  double sum = 0;
  double sum_of_squares = 0;
  /// Bin k holds the values from limits[k] on, below limits[k + 1]; the last
  /// holds its upper limit too. One more than there are bins.
  std::vector<double> limits{};
  std::vector<int64_t> counts{};

  friend bool operator==(const Histogram&, const Histogram&) = default;
};

/// The histogram of all elements of a tensor of numbers, in `bins` bins of
/// equal width from its least to its greatest value; where these are one value,
/// from half below it to half above. Waits for the tensor's device. Throws
/// ConfigError for fewer than 1 bin, an undefined tensor, and complex numbers.
///
///     auto spread = bolt::histogram_of(layer->weight, 64);
TORCHBOLT_API Histogram histogram_of(const at::Tensor& values,
                                     int64_t bins = 64);

}  // namespace bolt
