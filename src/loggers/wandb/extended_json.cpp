#include "loggers/wandb/extended_json.h"

#include <torchbolt/core/number.h>

#include <cmath>

namespace bolt::detail::wandb {

std::string extended_number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return shortest(value);
}

}  // namespace bolt::detail::wandb
