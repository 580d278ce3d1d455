#pragma once

#include <filesystem>
#include <string>

namespace bolt::detail {

/// The name of the user that runs this process; empty: nobody knows.
std::string user_name();

/// The path of this program; empty: nobody knows.
std::string program_path();

/// Where a run's code is from; empty: nobody knows.
struct GitSource {
  /// Of the remote "origin", without name and password.
  std::string remote_url{};
  /// What is checked out.
  std::string commit{};
};

/// That of the git repository around a folder.
GitSource git_source(const std::filesystem::path& folder);

}  // namespace bolt::detail
