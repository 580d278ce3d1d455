#pragma once

#include <filesystem>
#include <string>

namespace bolt::detail {

/// The name of the user that runs this process; empty: nobody knows.
std::string user_name();

/// The path of this program; empty: nobody knows.
std::string program_path();

/// The commit that is checked out in the git repository around a folder; empty
/// without one.
std::string git_commit(const std::filesystem::path& folder);

}  // namespace bolt::detail
