#pragma once

#include <string>
#include <string_view>

namespace bolt::detail {

/// Whether Python reads it as a str: UTF-8 without surrogates, nothing too long
/// (RFC 3629).
bool is_utf8(std::string_view text);

/// Any bytes as Python has them in a str, such as those of a path: each that is
/// no UTF-8 is a surrogate, U+DC80 to U+DCFF, and that is written as if it were
/// a character (PEP 383; pickle's "surrogatepass"). UTF-8 stays as it is.
/// @{
std::string with_escaped_bytes(std::string_view bytes);
std::string without_escaped_bytes(std::string_view text);
/// @}

}  // namespace bolt::detail
