#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace bolt::tools {

/// What `torchbolt new` is asked for.
struct ProjectOptions {
  /// Of the folder, the CMake project and the program.
  std::string name{};
  /// Where the folder is made.
  std::filesystem::path dir = ".";
  /// Folder of torchboltConfig.cmake, where CMake doesn't look by itself.
  std::optional<std::filesystem::path> package{};
};

/// Throws ConfigError unless `name` can name a CMake target and a thing in C++.
void check_project_name(std::string_view name);

/// Writes a project and gives back its folder. Throws ConfigError for a bad
/// name or when there is something already, Error when it can't be written;
/// then nothing of it is left.
std::filesystem::path make_project(const ProjectOptions& options);

/// The folder of torchboltConfig.cmake that belongs to this program, installed
/// or in its build folder; none when CMake finds it by itself.
std::optional<std::filesystem::path> find_package_beside_program();

}  // namespace bolt::tools
