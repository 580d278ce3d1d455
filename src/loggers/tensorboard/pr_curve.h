#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace bolt::detail {

/// For each of `thresholds` scores from 0 to 1: true positives, false
/// positives, true negatives, false negatives, precision, recall; [6,
/// thresholds]. The tensors are on the CPU.
std::vector<float> pr_curve(const at::Tensor& labels, const at::Tensor& scores,
                            int64_t thresholds);

}  // namespace bolt::detail
