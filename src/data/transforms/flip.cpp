#include <torchbolt/core/error.h>
#include <torchbolt/data/transforms/flip.h>

#include <string>

#include "data/transforms/image_op.h"

namespace bolt::transforms {
namespace {

detail::ImageOp flip_op(const std::string& name, bool horizontal, double p) {
  if (!(p >= 0 && p <= 1)) {
    throw ConfigError({.where = name,
                       .what = "p is no probability",
                       .got = std::to_string(p),
                       .expected = "0 to 1"});
  }
  return {.name = name,
          .what = detail::FlipOp{.horizontal = horizontal, .p = p}};
}

}  // namespace

RandomHorizontalFlip::RandomHorizontalFlip(const RandomFlipOptions& options)
    : Transform(flip_op("RandomHorizontalFlip", true, options.p)) {}

RandomVerticalFlip::RandomVerticalFlip(const RandomFlipOptions& options)
    : Transform(flip_op("RandomVerticalFlip", false, options.p)) {}

}  // namespace bolt::transforms
