#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace bolt::optim::detail {

/// The p-norms of tensors, each and of all together as one vector: 0-d, on the
/// first one's device. Nothing waits for it.
struct Norms {
  std::vector<at::Tensor> each{};
  at::Tensor total{};
};

/// `tensors` isn't empty.
Norms norms_of(const std::vector<at::Tensor>& tensors, double p = 2);

}  // namespace bolt::optim::detail
