#pragma once

#include <torchbolt/state/state.h>
#include <torchbolt/trainer/step.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>

#include "trainer/automatic_optimization.h"
#include "trainer/evaluation_loop.h"
#include "trainer/fetcher.h"
#include "trainer/log_book.h"
#include "trainer/log_store.h"
#include "trainer/manual_optimization.h"

namespace bolt::detail {

class TrainerCore;

/// The training loop: epochs, batches, optimizer steps, and the validations in
/// between. fit_loop.cpp reads top to bottom in the order in which things
/// happen.
class FitLoop {
 public:
  explicit FitLoop(TrainerCore& core);

  void run();
  /// Loads the training data, unless it is there; decides how often to
  /// validate.
  void setup_data();
  /// New loaders were given: ask for them again.
  void forget_data();
  void release();

  int64_t num_training_batches() const { return max_batches_; }
  EvaluationLoop& validation() { return validation_; }
  const Loaders& loaders() const {
    static const Loaders kNone;
    return fetcher_ ? fetcher_->loaders() : kNone;
  }
  /// Of the last epoch, and of all of this fit.
  const DataWait& epoch_wait() const { return epoch_wait_; }
  const DataWait& fit_wait() const { return fit_wait_; }
  LogStore& store() { return store_; }
  /// Whether no optimizer steps on this batch.
  bool should_accumulate() const;
  /// Whether the k-th optimizer steps on this batch.
  bool steps_now(std::size_t k) const;
  /// Whether some optimizer's gradients go on being summed up.
  bool inside_window() const;
  ManualOptimization& manual() { return manual_; }

  // fit_loop_state.cpp, fit_loop_resume.cpp
  /// A backward pass is about to add to the gradients.
  void before_backward();
  /// All that a checkpoint keeps of the fit beside its counters.
  State state() const;
  /// The counters are a checkpoint's: the next `run()` goes on there. `own`:
  /// what only torchbolt's files have, or null.
  void resume(const State* own);
  /// Whether that needs no sanity check.
  bool resumes_without_sanity_check() const;
  /// Whether `min_epochs` and `min_steps` allow to stop.
  bool can_stop_early() const;
  /// Whether the running epoch is one that validates.
  bool validates_this_epoch() const;
  /// Whether this batch's metrics go to the loggers.
  bool logging_is_due() const;

 private:
  // One epoch, and one batch, in their parts.
  bool done();
  void start();
  void begin_epoch();
  void run_epoch();
  void end_epoch();
  void close_epoch();
  void run_batches(std::chrono::steady_clock::time_point started);
  void warn_of_short_pass();
  void start_pass();
  bool epoch_done();
  bool advance();
  void close_batch();
  void end_batch();
  void validate();
  void after_validation();
  void release_output();

  /// Where a checkpoint was written.
  enum class ResumeAt {
    kNowhere,        ///< The fit doesn't go on from a checkpoint.
    kNewEpoch,       ///< Outside of an epoch.
    kEpochStart,     ///< The hooks of an epoch's start have run.
    kBatch,          ///< In a batch, which is made again.
    kBatchEnd,       ///< The hooks of a batch's end have run.
    kBetween,        ///< Between two batches.
    kValidation,     ///< In a validation, which is made again.
    kValidationEnd,  ///< The hooks of a validation's end have run.
    kEpochEnd,       ///< The hooks of an epoch's end have run.
  };
  ResumeAt find_place() const;
  bool resumes_inside_epoch() const;
  State loader_state() const;
  State metric_states() const;
  State gradients() const;
  State gradients_of_now() const;
  State log_state() const;
  bool began_window() const;
  void note_before_batch();
  void forget_before_batch();
  bool resumes_an_open_fit() const;
  void drop_open_epoch();
  void resume_loader();
  void resume_log();
  void take_back_log();
  void resume_settings();
  void resume_rest();
  void resume_gradients();
  void finish_saved_epoch();
  void leave_as_saved();
  void go_on();
  void continue_epoch();
  void finish_saved_batch();

  void update_schedulers(Interval interval, bool plateau);

  bool last_batch_reached() const;
  bool validation_is_due() const;
  void decide_validation_interval(bool sized);
  void log_step_metrics();

  TrainerCore& core_;
  LogStore store_{true};
  EvaluationLoop validation_;
  AutomaticOptimization automatic_;
  ManualOptimization manual_;
  std::optional<Fetcher> fetcher_{};
  bool pass_is_fresh_ = false;
  // No limit of epochs may then end the fit.
  bool pass_was_empty_ = false;
  int64_t max_batches_ = kUnknownBatches;
  // kUnknownBatches = after the last batch.
  int64_t val_check_batch_ = kUnknownBatches;
  std::optional<int64_t> loaded_in_epoch_{};
  // Where the loader stood when the fit let go of it.
  State loader_left_{};

  DataWait epoch_wait_{};
  DataWait fit_wait_{};
  std::chrono::nanoseconds epoch_validation_{0};
  // For the pass to begin, which may be before its epoch does.
  std::chrono::nanoseconds start_wait_{0};

  // Of a run that had nothing left to train, for the next checkpoint.
  std::optional<State> kept_log_{};
  // While a validation runs.
  std::optional<LogBook::Bookmark> training_log_{};
  // What it changes, as it began.
  std::optional<State> before_validation_{};
  // The same of a batch, where an exception in it would be saved; and the
  // gradients, once its backward pass adds to them.
  bool saves_on_exception_ = false;
  std::optional<State> before_batch_{};
  std::optional<State> gradients_before_{};
  bool passed_back_ = false;
  ResumeAt resume_at_ = ResumeAt::kNowhere;
  // Nothing but the hooks of the fit's end is left to do.
  bool is_over_ = false;
  // Nothing of the batch given last is left to do.
  bool batch_is_over_ = false;
  std::optional<State> resume_state_{};
  // Whether the file was one of torchbolt's.
  bool resumed_own_ = false;

  // The batch at work.
  Fetcher::Fetched* fetched_ = nullptr;
  const StepOutput* output_ = nullptr;
};

}  // namespace bolt::detail
