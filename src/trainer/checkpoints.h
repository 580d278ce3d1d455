#pragma once

#include <torchbolt/state/state.h>

#include <cstddef>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "trainer/checkpoint_tree.h"

namespace bolt {
class Callback;
class CheckpointIO;
}  // namespace bolt

namespace bolt::detail {

class TrainerCore;

/// Writes a Trainer's checkpoints: when, and what follows when one can't be
/// written.
class Checkpoints {
 public:
  explicit Checkpoints(TrainerCore& core) : core_(core), tree_(core) {}
  /// Where they go.
  void use(std::shared_ptr<CheckpointIO> io) { io_ = std::move(io); }
  /// A run begins, or ends. `requeue_files`: see `remove_requeue_files`.
  void open(std::vector<std::string> requeue_files = {});

  /// Writes one of now.
  void save(const std::filesystem::path& path, bool weights_only);
  /// The same for a callback in a hook: its tree is made now, its tensors, and
  /// what is the run's alone, are those of the moment when the hook is over,
  /// module's part included. Then the file is written and `then` is called. So
  /// a run can go on right behind the hook.
  void save_after_hook(const Callback& who, const std::filesystem::path& path,
                       bool weights_only, std::function<void()> then);
  /// Calls `then` in its turn among them.
  void after_hook(std::function<void()> then);
  /// Before a fit that isn't a dry one: throws where nothing can be stored in
  /// this folder, unless training is to go on without.
  void check_folder(const std::filesystem::path& folder);
  /// Takes one away, behind all that was saved before.
  void remove(const std::filesystem::path& path);
  /// Makes one another name of `target`, behind all that was saved before.
  /// Returns whether it does.
  bool link(const std::filesystem::path& target,
            const std::filesystem::path& link);
  /// The system ends the run: writes hpc_ckpt_<n>.ckpt, waits until it is
  /// there, and returns its path.
  std::filesystem::path save_for_requeue();
  /// The fit has ended well: takes away what it, and the runs that it goes on
  /// from, were saved in when the system ended them.
  void remove_requeue_files();
  /// A batch is over: says what failed in the background. Cheap.
  void check() {
    if (!handed_over_.empty()) check_background();
  }
  /// Waits for what isn't written yet; throws when it couldn't be, unless
  /// training is to go on without.
  void finish();
  /// The data module's part of what is saved now; it is set up.
  State of_data() const { return tree_.data(); }
  /// Whether a file is there, or waits to be written.
  bool exists(const std::filesystem::path& path) const;
  /// A hook is over. Cheap when nothing waits.
  void hook_ended() {
    if (!waiting_.empty()) write_waiting(true);
  }
  /// A hook ended with an exception: what waits is written, and nothing else is
  /// done.
  void hook_failed() {
    if (!waiting_.empty()) write_waiting(false);
  }

 private:
  struct Waiting {
    std::filesystem::path path{};
    State tree{};
    bool weights_only = false;
    std::size_t callback = 0;
    std::function<void()> then{};
  };

  void write_waiting(bool ended_well);
  void complete(Waiting& one);
  void write_outside_of_hooks();
  void write(const std::filesystem::path& path, const State& tree);
  bool try_write(const std::filesystem::path& path, const State& tree);
  static void say_unwritten(const std::exception& error);
  template <class Call>
  bool go_on_after(Call&& call);
  void check_background();
  void forget_missing_files();

  TrainerCore& core_;
  CheckpointTree tree_;
  std::shared_ptr<CheckpointIO> io_{};
  std::vector<Waiting> waiting_{};
  // Handed over in this run; they may not be there yet.
  std::set<std::filesystem::path> handed_over_{};
  // Of this run, and of those that it goes on from: names in
  // default_root_dir.
  std::vector<std::string> requeue_files_{};
};

}  // namespace bolt::detail
