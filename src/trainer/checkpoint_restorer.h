#pragma once

#include <c10/util/Exception.h>
#include <torchbolt/state/state.h>

#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bolt {
class CheckpointIO;
}

namespace bolt::detail {

class TrainerCore;

/// The checkpoint that a run goes on from: finds it, and gives each part of the
/// Trainer its own back.
class CheckpointRestorer {
 public:
  explicit CheckpointRestorer(TrainerCore& core) : core_(core) {}
  /// Where it comes from.
  void use(std::shared_ptr<CheckpointIO> io) { io_ = std::move(io); }

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
  /// What it, and the runs before it, were saved in when the system ended them:
  /// names in `default_root_dir`.
  std::vector<std::string> requeue_files() const;

 private:
  void check_use(const std::filesystem::path& file) const;
  void read(const std::vector<std::filesystem::path>& files);
  [[noreturn]] void refuse(std::string_view what, std::string why) const;
  void restore_callbacks();
  void restore_evaluation();
  void check_epoch() const;
  void restore_optimizers();

  TrainerCore& core_;
  std::shared_ptr<CheckpointIO> io_{};
  std::optional<std::filesystem::path> path_{};
  State loaded_{};
  std::exception_ptr problem_{};
};

}  // namespace bolt::detail
