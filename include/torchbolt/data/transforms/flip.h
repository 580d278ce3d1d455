#pragma once

#include <torchbolt/data/transforms/transform.h>
#include <torchbolt/export.h>

namespace bolt::transforms {

/// Settings of RandomHorizontalFlip and RandomVerticalFlip.
struct RandomFlipOptions {
  /// Probability that an image is flipped, 0 to 1.
  double p = 0.5;
};

/// Mirrors an image left to right, with a probability.
class TORCHBOLT_API RandomHorizontalFlip : public Transform {
 public:
  /// Throws ConfigError naming the option.
  explicit RandomHorizontalFlip(const RandomFlipOptions& options = {});
};

/// Mirrors an image top to bottom, with a probability.
class TORCHBOLT_API RandomVerticalFlip : public Transform {
 public:
  /// Throws ConfigError naming the option.
  explicit RandomVerticalFlip(const RandomFlipOptions& options = {});
};

}  // namespace bolt::transforms
