#include <torchbolt/core/error.h>
#include <torchbolt/data/transforms/normalize.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "data/transforms/image_op.h"

namespace bolt::transforms {
namespace {

detail::ImageOp normalize_op(const NormalizeOptions& options) {
  const auto refuse = [](const char* what, const std::string& got,
                         const char* expected) {
    throw ConfigError(
        {.where = "Normalize", .what = what, .got = got, .expected = expected});
  };
  const std::size_t means = options.mean.size();
  const std::size_t stds = options.std.size();
  if (means == 0 || stds == 0 || (means > 1 && stds > 1 && means != stds)) {
    refuse("mean and std have different lengths",
           std::to_string(means) + " and " + std::to_string(stds),
           "one for each channel, or one for all");
  }
  detail::PixelMap map{.mean = {options.mean.begin(), options.mean.end()},
                       .std = {options.std.begin(), options.std.end()}};
  for (const float mean : map.mean) {
    if (!std::isfinite(mean)) refuse("mean", std::to_string(mean), "a number");
  }
  for (const float std : map.std) {
    if (!std::isfinite(std) || std == 0) {
      refuse("std can't be divided by", std::to_string(std), "another than 0");
    }
  }
  return {.name = "Normalize", .what = std::move(map)};
}

}  // namespace

Normalize::Normalize(const NormalizeOptions& options)
    : Transform(normalize_op(options)) {}

}  // namespace bolt::transforms
