#pragma once

#include <torchbolt/callbacks/model_checkpoint.h>
#include <torchbolt/core/mode.h>
#include <torchbolt/state/state.h>
#include <torchbolt/trainer/checkpoint_callback.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

namespace bolt::detail {

/// The files that a ModelCheckpoint has written and keeps: the best with their
/// scores, or the newest; which of them goes when another comes.
class CheckpointRecords {
 public:
  using Scores = ModelCheckpoint::Scores;

  explicit CheckpointRecords(const ModelCheckpointOptions& options)
      : mode_(options.mode),
        most_(options.save_top_k),
        scored_(options.monitor.has_value()) {}

  const std::filesystem::path& best() const { return best_path_; }
  std::optional<double> best_score() const { return best_score_; }
  std::optional<double> current_score() const { return current_score_; }
  const Scores& best_k() const { return best_k_; }
  const std::filesystem::path& kth() const { return kth_path_; }
  std::optional<double> kth_value() const { return kth_value_; }
  const std::filesystem::path& last() const { return last_path_; }
  /// What was written last, as whatever, and at which step.
  const std::filesystem::path& last_saved() const { return last_saved_; }
  int64_t last_step_saved() const { return last_step_saved_; }
  std::vector<KeptCheckpoint> kept() const;

  /// Whether one more is kept, whatever its score.
  bool has_room() const {
    return most_ == -1 || static_cast<int64_t>(best_k_.size()) < most_;
  }
  /// Whether that is better than the worst of those that are kept.
  bool beats_worst(double score) const { return is_better(score, *kth_value_); }
  /// Takes the worst out where there is no room, and returns it.
  std::filesystem::path make_room();
  /// `step`: the global step at which it is written.
  void add(const std::filesystem::path& path, double score, int64_t step);
  /// Without scores; returns the one that goes for it.
  std::filesystem::path add_newest(const std::filesystem::path& path);
  /// Returns the one before.
  std::filesystem::path set_last(const std::filesystem::path& path);
  /// It is handed over to be written.
  void saved(const std::filesystem::path& path, int64_t step);

  /// Some file couldn't be written: what was to take the place of another one
  /// isn't there, and that one stays. `step_of`: the global step that a file is
  /// of; none where that can't be told.
  void forget_missing(
      const std::function<bool(const std::filesystem::path&)>& exists,
      const std::function<std::optional<int64_t>(const std::filesystem::path&)>&
          step_of);

  /// Lightning's keys, and what it forgets behind them.
  State state(const std::filesystem::path& dirpath) const;
  /// Of files in another folder only the best is taken back; returns whether
  /// all were.
  bool load_state(const State& state, const std::filesystem::path& dirpath);

 private:
  bool is_better(double score, double than) const {
    return mode_ == Mode::kMin ? score < than : score > than;
  }
  /// Worse than any, or better than none.
  double unset() const;
  Scores::const_iterator worst() const;
  void drop(const std::filesystem::path& file, double score);
  void know(const std::filesystem::path& path, double score);
  void remember(const std::filesystem::path& path, double score, int64_t step);
  void correct_scores(
      const std::function<std::optional<int64_t>(const std::filesystem::path&)>&
          step_of);
  void find_best();
  void find_worst();

  Mode mode_;
  int64_t most_;
  bool scored_;

  Scores best_k_{};
  // Those that go when what took their place is written.
  Scores dropped_{};
  // What was written under names that are kept: where a name came again, the
  // file that is there may be an older one. No step: it isn't known.
  struct Written {
    std::filesystem::path path{};
    double score = 0;
    std::optional<int64_t> step{};
  };
  std::vector<Written> written_{};
  std::filesystem::path best_path_{};
  std::optional<double> best_score_{};
  std::filesystem::path kth_path_{};
  std::optional<double> kth_value_{};
  std::optional<double> current_score_{};
  std::filesystem::path last_path_{};
  std::filesystem::path last_saved_{};
  int64_t last_step_saved_ = 0;
};

}  // namespace bolt::detail
