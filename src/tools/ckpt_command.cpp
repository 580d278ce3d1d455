#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tools/checkpoint.h"
#include "tools/commands.h"

namespace bolt::tools {
namespace {

struct CkptOptions {
  std::filesystem::path file{};
  std::filesystem::path other{};
  std::vector<std::filesystem::path> files{};
  bool json = false;
};

using Options = std::shared_ptr<CkptOptions>;

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void add_show(CLI::App& ckpt) {
  auto options = std::make_shared<CkptOptions>();
  auto* command = ckpt.add_subcommand(
      "show",
      "Shows what a file holds: values, and of tensors the type, shape "
      "and size");
  command->add_option("FILE", options->file)->required();
  command->add_flag("--json", options->json, "As JSON");
  command->callback([options] {
    print(options->json ? checkpoint_json(options->file)
                        : show_checkpoint(options->file));
  });
}

void add_verify(CLI::App& ckpt) {
  auto options = std::make_shared<CkptOptions>();
  auto* command = ckpt.add_subcommand(
      "verify", "Reads a file to its end and compares every checksum");
  command->add_option("FILE", options->files)->required();
  command->callback([options] {
    bool all_whole = true;
    for (const auto& file : options->files) {
      try {
        print(verify_checkpoint_file(file));
      } catch (const std::exception& error) {
        std::fprintf(stderr, "torchbolt: %s\n", error.what());
        all_whole = false;
      }
    }
    if (!all_whole) throw CLI::RuntimeError(1);
  });
}

void add_diff(CLI::App& ckpt) {
  auto options = std::make_shared<CkptOptions>();
  auto* command = ckpt.add_subcommand(
      "diff",
      "Says what differs between two files; exit code 1 when anything "
      "does");
  command->add_option("A", options->file)->required();
  command->add_option("B", options->other)->required();
  command->callback([options] {
    const std::string text = diff_checkpoints(options->file, options->other);
    print(text);
    if (!text.empty()) throw CLI::RuntimeError(1);
  });
}

void add_convert(CLI::App& ckpt) {
  auto options = std::make_shared<CkptOptions>();
  auto* command = ckpt.add_subcommand(
      "convert",
      "Writes the weights in another format; the names' ends say "
      "which: .safetensors, or any other for a checkpoint");
  command->add_option("IN", options->file)->required();
  command->add_option("OUT", options->other)->required();
  command->callback(
      [options] { convert_checkpoint(options->file, options->other); });
}

void add_average(CLI::App& ckpt) {
  auto options = std::make_shared<CkptOptions>();
  auto* command = ckpt.add_subcommand(
      "average",
      "Writes the mean of the weights of several files; what else "
      "they hold comes from the last one");
  command->add_option("FILES", options->files)->required();
  command->add_option("-o,--out", options->other, "The file to write")
      ->required();
  command->callback(
      [options] { average_checkpoints(options->files, options->other); });
}

}  // namespace

void add_ckpt_command(CLI::App& app) {
  auto* ckpt = app.add_subcommand(
      "ckpt",
      "Looks into checkpoints and safetensors files, checks, compares, "
      "converts and averages them");
  ckpt->require_subcommand(1);
  add_show(*ckpt);
  add_verify(*ckpt);
  add_diff(*ckpt);
  add_convert(*ckpt);
  add_average(*ckpt);
}

}  // namespace bolt::tools
