#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>

namespace bolt::optim::detail {

/// A point of a line search.
struct LinePoint {
  double t = 0;  ///< Step size.
  double loss = 0;
  at::Tensor gradient{};
  double slope = 0;  ///< Of the loss along the direction.
};

struct LineSearchResult {
  LinePoint best{};
  int64_t evaluations = 0;
};

/// A step size that meets the strong Wolfe conditions (c1 1e-4, c2 0.9), or the
/// best one seen. Nocedal and Wright, algorithms 3.5 and 3.6, with the choice
/// of trial points of Schmidt's minFunc, as torch has it.
///
/// `at` evaluates a step size, `start` is the point at 0, `t` the first trial,
/// `reach` the largest element of the direction: intervals that move no weight
/// by `tolerance` end the search, as do `max_evaluations` after the first.
LineSearchResult strong_wolfe(const std::function<LinePoint(double)>& at,
                              const LinePoint& start, double t, double reach,
                              double tolerance, int64_t max_evaluations);

}  // namespace bolt::optim::detail
