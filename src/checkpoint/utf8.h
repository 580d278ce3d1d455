#pragma once

#include <string_view>

namespace bolt::detail {

/// Whether Python reads it as a str: UTF-8 without surrogates, nothing too long
/// (RFC 3629).
bool is_utf8(std::string_view text);

}  // namespace bolt::detail
