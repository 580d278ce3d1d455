// The torchbolt command. Exit code 1: it failed; 2: it was called wrongly.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "tools/commands.h"
#include "tools/version.h"

namespace {

constexpr int kUsage = 2;

int run(int argc, char** argv) {
  CLI::App app{
      "torchbolt: PyTorch Lightning, in C++ on libtorch\n"
      "\n"
      "  torchbolt new my_model       makes a project that trains at once\n"
      "  torchbolt ckpt show a.ckpt   shows what a checkpoint holds\n"
      "  torchbolt mlflow sync RUN    sends a run to an MLflow server\n"
      "  torchbolt plot RUN...        draws learning curves",
      "torchbolt"};
  app.set_version_flag("--version", [] { return bolt::tools::version_text(); });
  app.require_subcommand(1);
  bolt::tools::add_new_command(app);
  bolt::tools::add_ckpt_command(app);
  bolt::tools::add_mlflow_command(app);
  bolt::tools::add_plot_command(app);
  try {
    app.parse(argc, argv);
    return EXIT_SUCCESS;
  } catch (const CLI::RuntimeError& error) {
    return error.get_exit_code();
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? EXIT_SUCCESS : kUsage;
  }
}

}  // namespace

int main(int argc, char** argv) try {
  return run(argc, argv);
} catch (const std::exception& error) {
  std::fprintf(stderr, "torchbolt: %s\n", error.what());
  return EXIT_FAILURE;
}
