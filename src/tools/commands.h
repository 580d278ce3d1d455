#pragma once

namespace CLI {
class App;
}

namespace bolt::tools {

// Each subcommand stands in a file of its own, which adds it to the program. It
// runs while CLI11 parses, and says by an exception that it failed.

/// torchbolt ckpt show|verify|diff|convert|average
void add_ckpt_command(CLI::App& app);

/// torchbolt mlflow sync
void add_mlflow_command(CLI::App& app);

/// torchbolt new NAME
void add_new_command(CLI::App& app);

/// torchbolt plot RUN…
void add_plot_command(CLI::App& app);

}  // namespace bolt::tools
