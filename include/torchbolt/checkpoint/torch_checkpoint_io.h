#pragma once

#include <torchbolt/checkpoint/checkpoint_file.h>
#include <torchbolt/checkpoint/checkpoint_io.h>
#include <torchbolt/export.h>

#include <filesystem>

namespace bolt {

/// Files in the format of Python's `torch.save`: `write_checkpoint` and
/// `read_checkpoint`. Files of any path may be used by several threads at once.
///
///     bolt::TorchCheckpointIO io({.durable = false});
///     io.save_checkpoint(state, "a.ckpt");
class TORCHBOLT_API TorchCheckpointIO : public CheckpointIO {
 public:
  explicit TorchCheckpointIO(WriteCheckpointOptions options = {})
      : options_(options) {}
  /// Makes an empty folder in what there is of the path, and removes it. A
  /// class that stores somewhere else overrides this as it does
  /// `save_checkpoint`.
  void check_folder(const std::filesystem::path& folder) override;
  void save_checkpoint(const State& state,
                       const std::filesystem::path& path) override;
  State load_checkpoint(const std::filesystem::path& path) override;
  /// A folder of that name is removed with all that is in it. Throws Error
  /// naming the path when that can't be.
  void remove_checkpoint(const std::filesystem::path& path) override;

 private:
  WriteCheckpointOptions options_;
};

}  // namespace bolt
