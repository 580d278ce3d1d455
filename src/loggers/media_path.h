#pragma once

#include <string>
#include <string_view>

namespace bolt::detail {

/// A name as a path of folders and a file, of letters, digits, "_" and "-",
/// that leads nowhere else and is no other name's: where the name has more than
/// that, a checksum of it follows.
std::string media_path(std::string_view name);

}  // namespace bolt::detail
