#pragma once

#include <ATen/core/Tensor.h>

#include <unordered_set>

namespace torch::optim {
class Optimizer;
}

namespace bolt::optim::detail {

/// Parameters, by identity.
using ParameterSet = std::unordered_set<const at::TensorImpl*>;

/// All that an optimizer steps.
ParameterSet parameters_of(const torch::optim::Optimizer& optimizer);

}  // namespace bolt::optim::detail
