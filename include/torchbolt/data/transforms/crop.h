#pragma once

#include <torchbolt/data/transforms/transform.h>
#include <torchbolt/export.h>

#include <cstdint>

namespace bolt::transforms {

/// Settings of RandomCrop.
struct RandomCropOptions {
  /// Size of the result, in pixels; both must be given.
  int64_t height = 0;
  int64_t width = 0;
  /// Pixels of 0 around the image before it is cropped.
  int64_t padding = 0;
};

/// A window of that size; each place within the padded image is as likely.
class TORCHBOLT_API RandomCrop : public Transform {
 public:
  /// Throws ConfigError naming the option.
  explicit RandomCrop(const RandomCropOptions& options);
};

/// Settings of CenterCrop.
struct CenterCropOptions {
  /// Size of the result, in pixels; both must be given.
  int64_t height = 0;
  int64_t width = 0;
};

/// The window of that size in the middle; the upper left one of two that are.
class TORCHBOLT_API CenterCrop : public Transform {
 public:
  /// Throws ConfigError naming the option.
  explicit CenterCrop(const CenterCropOptions& options);
};

}  // namespace bolt::transforms
