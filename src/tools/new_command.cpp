#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "tools/commands.h"
#include "tools/project.h"

namespace bolt::tools {

void add_new_command(CLI::App& app) {
  auto* command = app.add_subcommand(
      "new", "Makes a project that configures, builds and trains at once");
  auto options = std::make_shared<ProjectOptions>();
  command
      ->add_option("NAME", options->name,
                   "Name of the folder, the CMake project and the program: "
                   "letters, digits and _")
      ->required();
  command
      ->add_option("--dir", options->dir,
                   "Folder in which to make it; made when it isn't there")
      ->type_name("DIR")
      ->capture_default_str();
  command->callback([options] {
    options->package = find_package_beside_program();
    const auto project = make_project(*options);
    std::printf(
        "Made %s. Now:\n\n"
        "  cd %s\n"
        "  cmake --preset release\n"
        "  cmake --build --preset release\n"
        "  build/release/%s\n",
        project.c_str(), project.c_str(), options->name.c_str());
  });
}

}  // namespace bolt::tools
