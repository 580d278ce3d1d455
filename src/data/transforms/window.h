#pragma once

#include <torchbolt/state/rng.h>

#include <cstdint>

#include "data/transforms/image_op.h"

namespace bolt::detail {

/// Where the pixels along one axis of the result come from: pixel k of it is
/// pixel first + step * k of the image for begin <= k < end, else padding.
struct Axis {
  int64_t length = 0;
  int64_t first = 0;
  int64_t step = 1;
  int64_t begin = 0;
  int64_t end = 0;

  static Axis whole(int64_t length) {
    return {.length = length, .end = length};
  }
  /// Pixels offset … offset + length - 1 of what this axis gives; offset may
  /// be negative, and the end beyond it: that is padding.
  void crop(int64_t offset, int64_t new_length);
  void flip();
  bool operator==(const Axis&) const = default;
};

/// Where the pixels of a result come from.
struct Window {
  Axis rows{};
  Axis columns{};

  /// Draws what is random in `op` and does it.
  void apply(const CropOp& op, Rng& rng);
  void apply(const FlipOp& op, Rng& rng);
};

}  // namespace bolt::detail
