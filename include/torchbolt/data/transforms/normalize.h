#pragma once

#include <torchbolt/data/transforms/transform.h>
#include <torchbolt/export.h>

#include <vector>

namespace bolt::transforms {

/// Settings of Normalize.
struct NormalizeOptions {
  /// For each channel, or one for all.
  std::vector<double> mean{0.0};
  /// For each channel, or one for all; none of them 0.
  std::vector<double> std{1.0};
};

/// (x - mean) / std in float, channel by channel. Images of bytes are divided
/// by 255 first. The result is, bit for bit, that of torch's operations
/// `x.to(kFloat).div(255).sub(mean).div(std)`.
class TORCHBOLT_API Normalize : public Transform {
 public:
  /// Throws ConfigError naming the option.
  explicit Normalize(const NormalizeOptions& options = {});
};

}  // namespace bolt::transforms
