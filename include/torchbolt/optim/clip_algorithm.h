#pragma once

namespace bolt {

/// How gradients are clipped.
enum class ClipAlgorithm {
  kNorm,   ///< Scales all so that their joint L2 norm is at most the value.
  kValue,  ///< Clamps each element to ±value.
};

}  // namespace bolt
