#pragma once

#include <torchbolt/export.h>

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace bolt {

/// Writes a whole file so that at any moment, whatever happens, the path holds
/// either the old or the new content: a temporary file in the same folder,
/// flushed to the disk, then renamed. Folders on the way are made. Throws Error
/// naming the path and the cause.
TORCHBOLT_API void write_atomic(const std::filesystem::path& path,
                                std::string_view bytes);
/// The same for a content in several parts, one after the other.
TORCHBOLT_API void write_atomic(const std::filesystem::path& path,
                                std::span<const std::string_view> parts);

/// The whole file. Throws Error naming the path and the cause.
TORCHBOLT_API std::string read_file(const std::filesystem::path& path);

/// Makes a folder, and those above it. Throws Error naming path and cause.
TORCHBOLT_API void make_directories(const std::filesystem::path& path);

/// The path with a leading `~` replaced by the user's home.
TORCHBOLT_API std::filesystem::path expand_user(
    const std::filesystem::path& path);

}  // namespace bolt
