#include <torch/optim/optimizer.h>
#include <torchbolt/core/error.h>
#include <torchbolt/optim/optimizer_ref.h>

namespace bolt::optim {

torch::optim::Optimizer* OptimizerRef::checked(
    torch::optim::Optimizer* optimizer) {
  if (optimizer != nullptr) return optimizer;
  throw ConfigError({.where = "OptimizerRef",
                     .what = "a schedule has no optimizer",
                     .got = "a null pointer",
                     .tip = "make the optimizer first"});
}

}  // namespace bolt::optim
