#pragma once

#include <torchbolt/state/state.h>

#include <string>
#include <string_view>

namespace bolt::detail {

/// A text in quotes; bytes that aren't UTF-8 become U+FFFD.
std::string json_text(std::string_view text);
/// The shortest number that reads back as the same one; "NaN", "Infinity" and
/// "-Infinity" as texts, since JSON has no such numbers.
std::string json_number(double value);
/// A tree; tensors become their description.
std::string json_value(const State& value);

}  // namespace bolt::detail
