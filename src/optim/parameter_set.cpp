#include "optim/parameter_set.h"

#include <torch/optim/optimizer.h>

namespace bolt::optim::detail {

ParameterSet parameters_of(const torch::optim::Optimizer& optimizer) {
  ParameterSet all;
  for (const auto& group : optimizer.param_groups()) {
    for (const at::Tensor& parameter : group.params()) {
      all.insert(parameter.unsafeGetTensorImpl());
    }
  }
  return all;
}

}  // namespace bolt::optim::detail
