#pragma once

#include <string>

namespace bolt::detail::wandb {

/// A number as W&B's JSON, which has NaN, Infinity and -Infinity.
std::string extended_number(double value);

}  // namespace bolt::detail::wandb
