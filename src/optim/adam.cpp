#include <torchbolt/optim/adam.h>

#include "optim/adam_rule.h"

namespace bolt::optim {

template <>
struct Rule<AdamOptions> : AdamRule<AdamOptions> {
  static constexpr const char* kName = "Adam";
};

template class OptimizerOf<AdamOptions>;

}  // namespace bolt::optim
