#pragma once

#include <torchbolt/optim/anneal.h>

#include <cmath>
#include <numbers>
#include <string_view>
#include <vector>

namespace bolt::optim {

/// As they stand in a state, in the order of the enumerators.
inline const std::vector<std::string_view> kAnnealNames{"cos", "linear"};

inline double anneal(AnnealStrategy strategy, double start, double end,
                     double share) {
  if (strategy == AnnealStrategy::kLinear) return (end - start) * share + start;
  return end + (start - end) / 2.0 * (std::cos(std::numbers::pi * share) + 1);
}

}  // namespace bolt::optim
