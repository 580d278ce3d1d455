#pragma once

#include <torchbolt/export.h>
#include <torchbolt/state/state.h>

#include <filesystem>

namespace bolt {

/// Where checkpoints go and come from. A class of one's own can put them
/// somewhere else, or into another format. All are called by one thread at a
/// time, which need not be the same one; AsyncCheckpointIO calls the one that
/// it wraps from a thread of its own.
///
///     struct InMemory : bolt::CheckpointIO {
///       void save_checkpoint(const bolt::State& state,
///                            const std::filesystem::path& path) override {
///         files[path.string()] = state.clone();
///       }
///       bolt::State load_checkpoint(const std::filesystem::path& path)
///       override {
///         return files.at(path.string()).clone();
///       }
///       void remove_checkpoint(const std::filesystem::path& path) override {
///         files.erase(path.string());
///       }
///       std::map<std::string, bolt::State> files;
///     };
class TORCHBOLT_API CheckpointIO {
 public:
  virtual ~CheckpointIO();
  /// Throws Error where nothing can be stored in this folder. Called before a
  /// run that will store something there. Here: nothing is looked at.
  virtual void check_folder(const std::filesystem::path& folder) {
    (void)folder;
  }
  /// Stores a state. When it returns, the state may change. What can't be
  /// stored is an exception, now or, where it is stored later, from the next
  /// call.
  virtual void save_checkpoint(const State& state,
                               const std::filesystem::path& path) = 0;
  /// What save_checkpoint stored last under this path.
  virtual State load_checkpoint(const std::filesystem::path& path) = 0;
  /// Removes what is there; nothing happens when nothing is.
  virtual void remove_checkpoint(const std::filesystem::path& path) = 0;
  /// Makes `link` another name of what is stored under `target`, in place of
  /// what had that name, in one step; behind what was saved before. Where
  /// nothing is stored under `target`, the link stays as it was. Here: a
  /// symbolic link, or a copy where the file system has none. Throws Error.
  virtual void link_checkpoint(const std::filesystem::path& target,
                               const std::filesystem::path& link);
  /// Throws what storing in the background has failed with. Called after each
  /// batch: costs next to nothing, and doesn't wait.
  virtual void check() {}
  /// Waits for what isn't stored yet, and throws when it couldn't be. Called
  /// when a run is over, and where all must be there; more may follow.
  virtual void teardown() {}

 protected:
  CheckpointIO() = default;
  CheckpointIO(const CheckpointIO&) = default;
  CheckpointIO& operator=(const CheckpointIO&) = default;
};

}  // namespace bolt
