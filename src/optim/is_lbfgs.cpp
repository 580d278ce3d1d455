#include "optim/is_lbfgs.h"

#include <torch/optim/lbfgs.h>
#include <torchbolt/optim/lbfgs.h>

namespace bolt::optim::detail {

bool is_lbfgs(const torch::optim::Optimizer& optimizer) {
  return dynamic_cast<const torch::optim::LBFGS*>(&optimizer) != nullptr ||
         dynamic_cast<const optim::LBFGS*>(&optimizer) != nullptr;
}

}  // namespace bolt::optim::detail
