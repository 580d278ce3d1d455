#pragma once

#include <torchbolt/checkpoint/checkpoint_io.h>
#include <torchbolt/engine/precision_plugin.h>
#include <torchbolt/export.h>

#include <concepts>
#include <memory>
#include <optional>
#include <utility>

namespace bolt {

/// One of the Trainer's `plugins`: a PrecisionPlugin, by value or as
/// `shared_ptr`, or a CheckpointIO, as `shared_ptr`. Made implicitly:
///
///     bolt::Trainer trainer(
///         {.plugins = {std::make_shared<bolt::AsyncCheckpointIO>()}});
class TORCHBOLT_API TrainerPlugin {
 public:
  template <class P>
    requires std::convertible_to<P, PrecisionHandle>
  TrainerPlugin(P plugin) : precision_(std::move(plugin)) {}
  template <std::derived_from<CheckpointIO> C>
  TrainerPlugin(std::shared_ptr<C> io) : checkpoint_io_(std::move(io)) {}

  const std::optional<PrecisionHandle>& precision() const { return precision_; }
  /// Null for the other kind.
  const std::shared_ptr<CheckpointIO>& checkpoint_io() const {
    return checkpoint_io_;
  }

 private:
  std::optional<PrecisionHandle> precision_{};
  std::shared_ptr<CheckpointIO> checkpoint_io_{};
};

}  // namespace bolt
