#pragma once

#include <torchbolt/checkpoint/checkpoint_io.h>
#include <torchbolt/export.h>

#include <cstddef>
#include <filesystem>
#include <memory>

namespace bolt {

/// How `AsyncCheckpointIO` works.
///
///     bolt::AsyncCheckpointIO io(nullptr, {.max_pending = 2});
struct AsyncCheckpointOptions {
  /// Saves that may be unfinished at a time; each holds a copy of the state in
  /// memory. One more waits for the first of them to end. At least 1.
  std::size_t max_pending = 1;
};

/// Stores checkpoints in the background: a save copies the state, into memory
/// that is used again by the next one, and returns; a thread writes the copy.
/// Saves, links and removals happen in the order of their calls, so that an
/// older file goes only when the newer one is there.
///
/// When one fails, the next `check` (the Trainer calls it after each batch),
/// save, or teardown throws what it threw; what was to be linked or removed
/// until then stays as it was. What a later one
/// throws while an error waits is only logged. The destructor waits for what
/// isn't stored yet; it throws nothing, but logs.
///
///     bolt::AsyncCheckpointIO io;
///     io.save_checkpoint(state, "step=100.ckpt");  // in the time of a copy
///     io.teardown();                               // now it is there
class TORCHBOLT_API AsyncCheckpointIO : public CheckpointIO {
 public:
  /// `inner` stores; none: a TorchCheckpointIO. Throws ConfigError for options
  /// that can't be.
  explicit AsyncCheckpointIO(std::shared_ptr<CheckpointIO> inner = nullptr,
                             AsyncCheckpointOptions options = {});
  ~AsyncCheckpointIO() override;
  AsyncCheckpointIO(const AsyncCheckpointIO&) = delete;
  AsyncCheckpointIO& operator=(const AsyncCheckpointIO&) = delete;

  /// Waits for what isn't stored yet.
  void check_folder(const std::filesystem::path& folder) override;
  void save_checkpoint(const State& state,
                       const std::filesystem::path& path) override;
  /// Waits for what isn't stored yet.
  State load_checkpoint(const std::filesystem::path& path) override;
  /// Later, in its turn.
  void remove_checkpoint(const std::filesystem::path& path) override;
  /// The same.
  void link_checkpoint(const std::filesystem::path& target,
                       const std::filesystem::path& link) override;
  void check() override;
  /// Waits, lets go of the memory and the thread, and throws what failed.
  void teardown() override;

 private:
  class Worker;
  std::unique_ptr<Worker> worker_;
};

}  // namespace bolt
