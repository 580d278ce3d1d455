#pragma once

#include <filesystem>

namespace bolt::detail {

/// A folder as a name that doesn't depend on the working directory; `~` is
/// expanded, links are followed.
std::filesystem::path absolute_folder(const std::filesystem::path& folder);

/// Makes `link` point to `target`, in one step; a copy where there are no
/// links. Throws Error.
void link_checkpoint(const std::filesystem::path& target,
                     const std::filesystem::path& link);

}  // namespace bolt::detail
