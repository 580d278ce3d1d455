#pragma once

#include <torchbolt/state/state.h>

#include <cstdint>
#include <string>
#include <vector>

namespace bolt {
class LightningDataModule;
}

namespace bolt::detail {

class TrainerCore;

/// Where in a checkpoint all stands that Lightning has no place for, and the
/// version of that part.
inline constexpr const char* kOwnKey = "torchbolt";
inline constexpr int64_t kOwnVersion = 1;

/// The key of a data module's state.
std::string data_key(const LightningDataModule& data);

/// Whether a part has nothing to keep.
bool is_empty(const State& state);

/// What a Trainer writes into its checkpoints. The tree has Lightning's keys;
/// what Lightning has no place for stands under `kOwnKey`.
/// docs/formats/checkpoint.md describes all of it.
class CheckpointTree {
 public:
  explicit CheckpointTree(TrainerCore& core) : core_(core) {}

  /// The tree of now, without our own part; its tensors are the run's own.
  /// Calls the hooks.
  State all(bool weights_only);
  /// Those parts of it that belong to the data module, which is set up.
  State data() const;
  /// Those parts of it that belong to optimizers, schedules and precision.
  State optimization() const;
  /// Our own part; `requeue_files` are part of it.
  State own(const std::vector<std::string>& requeue_files) const;

 private:
  State loops() const;
  State callback_states() const;

  TrainerCore& core_;
};

}  // namespace bolt::detail
