#pragma once

#include <c10/util/Exception.h>
#include <torchbolt/state/state.h>

#include <cstddef>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bolt {
class Callback;
class CheckpointIO;
}  // namespace bolt

namespace bolt::detail {

class TrainerCore;

/// What a Trainer writes into its checkpoints, and how it takes them back. The
/// tree has Lightning's keys; what Lightning has no place for stands under
/// "torchbolt". docs/formats/checkpoint.md describes all of it.
class Checkpoints {
 public:
  explicit Checkpoints(TrainerCore& core) : core_(core) {}
  /// Where they go.
  void use(std::shared_ptr<CheckpointIO> io) { io_ = std::move(io); }

  // -- saving ----------------------------------------------------------------

  /// The tree of now; its tensors are the run's own. Calls the hooks.
  State tree(bool weights_only);
  /// Writes it.
  void save(const std::filesystem::path& path, bool weights_only);
  /// The same for a callback in a hook: the tree is made now, its tensors, and
  /// what is the run's alone, are those of the moment when the hook is over,
  /// module's part included. Then the file is written and `then` is called. So
  /// a run can go on right behind the hook.
  void save_after_hook(const Callback& who, const std::filesystem::path& path,
                       bool weights_only, std::function<void()> then);
  /// Calls `then` in its turn among them.
  void after_hook(std::function<void()> then);
  /// Takes one away, behind all that was saved before.
  void remove(const std::filesystem::path& path);
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

  // -- loading ---------------------------------------------------------------

  /// A run begins: finds the file that `ckpt_path` means, and reads it. What is
  /// wrong with it is thrown when it is needed. Throws ConfigError for a
  /// `ckpt_path` that means no file.
  void open(const std::optional<std::string>& ckpt_path, bool module_given);
  /// Weights, data module, callbacks, precision.
  void restore_model();
  /// Counters; for a fit also optimizers and schedules.
  void restore_training();
  /// Calls what takes back a part of the file; whatever is wrong there is a
  /// CheckpointError that names the file and the part.
  template <class Call>
  void take_back(std::string_view what, Call&& call) const {
    try {
      call();
    } catch (const c10::Error& error) {
      refuse(what, error.what_without_backtrace());
    } catch (const std::exception& error) {
      refuse(what, error.what());
    }
  }
  /// The run is over.
  void close();

  /// The file that this run goes on from.
  const std::optional<std::filesystem::path>& path() const { return path_; }
  /// What only torchbolt's files have; null for others, and without one.
  const State* own_part() const;
  /// Whether loggers can go on in the run that was saved.
  const State* logger_states() const;

 private:
  struct Waiting {
    std::filesystem::path path{};
    State tree{};
    bool weights_only = false;
    std::size_t callback = 0;
    std::function<void()> then{};
  };

  State loops() const;
  State callback_states() const;
  State optimization() const;
  State own_state() const;
  void check_use(const std::filesystem::path& file) const;
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
  void read(const std::vector<std::filesystem::path>& files);
  [[noreturn]] void refuse(std::string_view what, std::string why) const;
  void restore_callbacks();
  void restore_evaluation();
  void check_epoch() const;
  void restore_optimizers();

  TrainerCore& core_;
  std::shared_ptr<CheckpointIO> io_{};
  std::vector<Waiting> waiting_{};
  // Handed over in this run; they may not be there yet.
  std::set<std::filesystem::path> handed_over_{};
  // Of this run, and of those that it goes on from: names in
  // default_root_dir.
  std::vector<std::string> requeue_files_{};
  std::optional<std::filesystem::path> path_{};
  State loaded_{};
  std::exception_ptr problem_{};
};

}  // namespace bolt::detail
