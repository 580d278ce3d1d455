#pragma once

#include <filesystem>

namespace bolt::detail {

/// Throws Error when no folder can be made at `path`, or what is there can't be
/// written to: makes an empty folder in what there is of it, and removes that.
void check_writable_folder(const std::filesystem::path& path);

}  // namespace bolt::detail
