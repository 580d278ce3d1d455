#include <torchbolt/core/terminal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "tools/commands.h"
#include "tools/plot.h"

namespace bolt::tools {
namespace {

constexpr int kRows = 16;
constexpr int kPixels = 1000;

struct PlotCommand {
  PlotOptions plot{};
  std::filesystem::path out{};
  int width = 0;
};

void print(const std::vector<ui::Chart>& charts, int width) {
  const auto style = ui::style_for(STDOUT_FILENO);
  if (width == 0) width = terminal_width(STDOUT_FILENO);
  for (const auto& line : ui::draw_charts(charts, width, kRows, style)) {
    std::printf("%s\n", line.c_str());
  }
}

}  // namespace

void add_plot_command(CLI::App& app) {
  auto* command = app.add_subcommand(
      "plot",
      "Draws the learning curves of runs, each metric in a chart of its own, "
      "in the terminal or into a picture");
  auto options = std::make_shared<PlotCommand>();
  command
      ->add_option("RUN", options->plot.runs,
                   "Folders of runs (lightning_logs/version_0, or "
                   "lightning_logs for all), or files: metrics.csv, "
                   "metrics.jsonl, TensorBoard's event files, .wandb")
      ->required();
  command
      ->add_option("-m,--metric", options->plot.metrics,
                   "A metric, or a pattern such as 'val/*'; may come "
                   "several times")
      ->allow_extra_args(false);
  command
      ->add_option("-s,--smooth", options->plot.smooth,
                   "How much of the values before goes into each, 0 to below "
                   "1")
      ->check(CLI::Range(0.0, 0.9999));
  command->add_flag("--log", options->plot.log_y, "A logarithmic y axis");
  command
      ->add_option("-o,--out", options->out,
                   "A picture to write instead: .svg or .png")
      ->type_name("FILE");
  command
      ->add_option("-w,--width", options->width,
                   "Columns of the terminal, or pixels of the picture")
      ->check(CLI::Range(20, 20'000));
  command->callback([options] {
    const auto charts = plot_charts(options->plot);
    if (options->out.empty()) {
      print(charts, options->width);
    } else {
      write_charts(charts, options->out,
                   options->width == 0 ? kPixels : options->width);
    }
  });
}

}  // namespace bolt::tools
