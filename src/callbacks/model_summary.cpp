#include <torchbolt/callbacks/model_summary.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/log.h>
#include <torchbolt/core/terminal.h>
#include <torchbolt/trainer/trainer.h>
#include <unistd.h>

#include <exception>
#include <functional>
#include <string>

namespace bolt {
namespace {

// Runs the module on its example; empty where it has none, or takes none.
std::function<void()> forward_of(const Trainer& trainer, Module& module) {
  if (!module.example_input_array.defined()) return {};
  const auto forward = trainer.module_hooks().forward_tensor;
  if (forward == nullptr) {
    log_warning(
        "[ModelSummary] the module sets example_input_array and has no "
        "forward(at::Tensor): sizes aren't known");
    return {};
  }
  return [forward, &module, &fabric = trainer.fabric()] {
    at::Tensor example = module.example_input_array;
    fabric.to_device(example);
    const auto autocast = fabric.autocast();
    forward(module, example);
  };
}

}  // namespace

ModelSummary::ModelSummary(ModelSummaryOptions options) : options_(options) {
  if (options_.max_depth >= -1) return;
  throw ConfigError({.where = "ModelSummary",
                     .what = "max_depth is too small",
                     .got = std::to_string(options_.max_depth),
                     .expected = "-1 (all), 0 (nothing), or more"});
}

void ModelSummary::on_fit_start(Trainer& trainer, Module& module) {
  if (options_.max_depth == 0 || !trainer.is_global_zero()) return;
  SummarizeOptions how{.max_depth = options_.max_depth,
                       .forward = forward_of(trainer, module)};
  Summary summary;
  try {
    summary = summarize(module, how);
  } catch (const std::exception& error) {
    // A picture of the model is no reason to end its training.
    log_warning(
        "[ModelSummary] the module doesn't run on its example_input_array, so "
        "sizes aren't known: " +
        std::string(error.what()));
    how.forward = {};
    summary = summarize(module, how);
  }
  const bool terminal = is_terminal(STDOUT_FILENO);
  trainer.print(to_text(summary, terminal ? terminal_width(STDOUT_FILENO) : 0,
                        allows_unicode()));
}

}  // namespace bolt
