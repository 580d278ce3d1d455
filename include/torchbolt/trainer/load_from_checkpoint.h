#pragma once

#include <c10/core/Device.h>
#include <torchbolt/export.h>
#include <torchbolt/state/state.h>
#include <torchbolt/trainer/module.h>

#include <concepts>
#include <filesystem>
#include <memory>
#include <optional>

namespace bolt {

/// Settings of load_from_checkpoint.
struct LoadFromCheckpointOptions {
  /// Hyper-parameters that win over those of the file: a map.
  State overrides = State::map();
  /// Whether the file must have exactly the module's weights. Default: what the
  /// module's `strict_loading` says.
  std::optional<bool> strict{};
  /// Where the module goes. Default: the CPU.
  std::optional<at::Device> map_location{};
};

namespace detail {

/// The file, its hyper-parameters completed by the overrides.
TORCHBOLT_API State open_checkpoint(const std::filesystem::path& path,
                                    const State& overrides);
/// The map of hyper-parameters in it; an empty one when there is none.
TORCHBOLT_API State hyper_parameters(const State& checkpoint);
TORCHBOLT_API void load_into(Module& module, const State& checkpoint,
                             const std::filesystem::path& path,
                             const LoadFromCheckpointOptions& options);

}  // namespace detail

/// A module as a checkpoint has it: made from the hyper-parameters that
/// `save_hyperparameters` had kept, by a constructor that takes them as a
/// `const bolt::State&`, or by the one without arguments; `configure_model`,
/// `on_load_checkpoint`, then the weights. Reads Lightning's files, too. Throws
/// CheckpointError when the file or the weights don't fit.
///
///     struct Net : bolt::LightningModule<> {
///       explicit Net(const bolt::State& hparams)
///           : layer(hparams.at("width").as_int(), 10) {
///         save_hyperparameters(hparams);
///         register_module("layer", layer);
///       }
///       torch::nn::Linear layer;
///     };
///     auto net = bolt::load_from_checkpoint<Net>("best.ckpt");
template <std::derived_from<Module> M>
std::shared_ptr<M> load_from_checkpoint(
    const std::filesystem::path& path,
    const LoadFromCheckpointOptions& options = {}) {
  static_assert(
      std::constructible_from<M, const State&> || std::default_initializable<M>,
      "load_from_checkpoint needs a constructor that takes the "
      "hyper-parameters as const bolt::State&, or one without "
      "arguments.");
  const State checkpoint = detail::open_checkpoint(path, options.overrides);
  std::shared_ptr<M> module;
  if constexpr (std::constructible_from<M, const State&>) {
    module = std::make_shared<M>(detail::hyper_parameters(checkpoint));
  } else {
    module = std::make_shared<M>();
  }
  detail::load_into(*module, checkpoint, path, options);
  return module;
}

}  // namespace bolt
