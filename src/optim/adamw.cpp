#include <torchbolt/optim/adamw.h>

#include "optim/adam_rule.h"

namespace bolt::optim {

template <>
struct Rule<AdamWOptions> : AdamRule<AdamWOptions> {
  static constexpr const char* kName = "AdamW";
};

template class OptimizerOf<AdamWOptions>;

}  // namespace bolt::optim
