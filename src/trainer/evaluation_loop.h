#pragma once

#include <torchbolt/core/stage.h>
#include <torchbolt/state/state.h>
#include <torchbolt/trainer/log_options.h>
#include <torchbolt/trainer/step.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "trainer/fetcher.h"
#include "trainer/log_store.h"

namespace bolt::detail {

class TrainerCore;
struct EvaluationHooks;
enum class DataStage;

/// Validation and test: by itself, and the validations inside a fit.
class EvaluationLoop {
 public:
  /// `function`: which entry point it belongs to; kFit is the validation
  /// inside a fit.
  EvaluationLoop(TrainerCore& core, Stage function);

  /// Runs over all loaders; one map of metrics for each.
  std::vector<MetricMap> run();
  /// Loads the data, unless it is there.
  void setup_data();
  void forget_data();
  /// Lets go of data and batches.
  void release();

  BatchProgress& progress() { return progress_; }
  const BatchProgress& progress() const { return progress_; }
  /// Whether its last hooks have run.
  bool is_over() const { return over_; }
  /// Of a fit's validation: batches and loaders so far, as they were when the
  /// last validation began, or ended.
  State state() const;
  /// Taken back when the data is loaded.
  void load_state(const State& state) { resume_ = state; }

  bool has_data() const { return loaders_.defined(); }
  const Loaders& loaders() const { return loaders_; }
  LogStore& store() { return store_; }
  const std::vector<int64_t>& max_batches() const { return max_batches_; }
  /// The same while a sanity check runs: at most `num_sanity_val_steps` each.
  std::vector<int64_t> sanity_batches() const;

  /// For a `val_check_interval` in time.
  std::chrono::nanoseconds time_since_last() const;
  void restart_clock();

 private:
  void resume();
  void take_counts(const State& state);
  void run_batches();
  void step(Fetcher::Fetched& fetched);
  void finish_loader();
  std::vector<MetricMap> finish();
  void log_step_metrics(const Fetcher::Fetched& fetched);
  bool sanity_checking() const;

  TrainerCore& core_;
  Stage function_;
  const EvaluationHooks& hooks_;
  DataStage data_stage_;
  LogStore store_{false};
  BatchProgress own_progress_{};
  BatchProgress& progress_;
  Loaders loaders_{};
  std::optional<Fetcher> fetcher_{};
  std::vector<int64_t> max_batches_{};
  std::vector<int64_t> seen_batches_{};
  std::vector<MetricMap> logged_{};
  std::optional<int64_t> loaded_in_epoch_{};
  std::chrono::steady_clock::time_point last_run_{};
  bool over_ = true;
  std::vector<int64_t> seen_before_{};
  std::optional<State> resume_{};
  // The loaders' states that were taken back, until the next run.
  std::optional<State> untouched_{};
  // Where the loaders stood when the fit let go of them.
  std::optional<State> left_{};
};

}  // namespace bolt::detail
