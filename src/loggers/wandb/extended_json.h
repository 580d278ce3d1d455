#pragma once

#include <string>
#include <string_view>

namespace bolt::detail::wandb {

/// The same text; what is no UTF-8 in it becomes U+FFFD. One wrong byte in a
/// record, and W&B refuses the whole.
std::string as_utf8(std::string_view text);

/// A number as W&B's JSON, which has NaN, Infinity and -Infinity.
std::string extended_number(double value);

}  // namespace bolt::detail::wandb
