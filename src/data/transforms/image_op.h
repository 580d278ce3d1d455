#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace bolt::detail {

/// (x - mean) / std, for each channel or one for all.
struct PixelMap {
  std::vector<float> mean{};
  std::vector<float> std{};
};

/// A window of the padded image.
struct CropOp {
  int64_t height = 0;
  int64_t width = 0;
  int64_t padding = 0;
  bool random = false;
};

/// Mirrors one axis with probability p.
struct FlipOp {
  bool horizontal = false;
  double p = 0;
};

/// One transform as data, so that neighbours can be joined.
struct ImageOp {
  std::string name{};
  std::variant<PixelMap, CropOp, FlipOp> what{};
};

}  // namespace bolt::detail
