#include <torchbolt/core/error.h>
#include <torchbolt/data/transforms/crop.h>

#include <string>

#include "data/transforms/image_op.h"

namespace bolt::transforms {
namespace {

// Far from where sums of sizes could overflow.
constexpr int64_t kMost = int64_t{1} << 31;

detail::ImageOp crop_op(const std::string& name, const detail::CropOp& op) {
  const auto check = [&](const char* field, int64_t value, int64_t least) {
    if (value >= least && value <= kMost) return;
    throw ConfigError({.where = name,
                       .what = std::string(field) + " can't be this",
                       .got = std::to_string(value),
                       .expected = "at least " + std::to_string(least)});
  };
  check("height", op.height, 1);
  check("width", op.width, 1);
  check("padding", op.padding, 0);
  return {.name = name, .what = op};
}

}  // namespace

RandomCrop::RandomCrop(const RandomCropOptions& options)
    : Transform(crop_op("RandomCrop", {.height = options.height,
                                       .width = options.width,
                                       .padding = options.padding,
                                       .random = true})) {}

CenterCrop::CenterCrop(const CenterCropOptions& options)
    : Transform(crop_op("CenterCrop",
                        {.height = options.height, .width = options.width})) {}

}  // namespace bolt::transforms
