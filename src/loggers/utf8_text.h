#pragma once

#include <string>
#include <string_view>

namespace bolt::detail {

/// The same text; what is no UTF-8 in it becomes U+FFFD. One wrong byte in a
/// message, and readers refuse the whole.
std::string as_utf8(std::string_view text);

}  // namespace bolt::detail
