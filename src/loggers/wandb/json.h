#pragma once

#include <torchbolt/state/state.h>

#include <string>
#include <string_view>

namespace bolt::detail::wandb {

/// The same text; what is no UTF-8 in it becomes U+FFFD. One wrong byte in a
/// record, and W&B refuses the whole.
std::string as_utf8(std::string_view text);

/// Text as JSON, quoted.
std::string json_text(std::string_view text);

/// A number as W&B's JSON, which has NaN, Infinity and -Infinity.
std::string json_number(double value);

/// A value as JSON. Numbers that JSON doesn't have become text, and tensors
/// their description.
std::string json_value(const State& value);

}  // namespace bolt::detail::wandb
