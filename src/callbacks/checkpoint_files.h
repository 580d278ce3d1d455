#pragma once

#include <filesystem>

namespace bolt::detail {

/// A folder as a name that doesn't depend on the working directory; `~` is
/// expanded, links are followed.
std::filesystem::path absolute_folder(const std::filesystem::path& folder);

}  // namespace bolt::detail
