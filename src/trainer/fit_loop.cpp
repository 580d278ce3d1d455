#include "trainer/fit_loop.h"

#include <ATen/ATen.h>
#include <torchbolt/core/error.h>
#include <torchbolt/state/rng.h>
#include <torchbolt/trainer/checkpoint_callback.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>
#include <utility>

#include "trainer/checks.h"
#include "trainer/core.h"
#include "trainer/modes.h"

// The training loop. Read from the top: run() is a fit, run_epoch() an epoch,
// advance() a batch; automatic_optimization.cpp has the step of the optimizer.
// The order of hooks and counters is Lightning's, and documented in
// docs/hooks.md.

namespace bolt::detail {
namespace {

using namespace std::chrono_literals;

// A loader that holds the training up for longer than this is worth a word.
constexpr double kLongWait = 0.2;

}  // namespace

FitLoop::FitLoop(TrainerCore& core)
    : core_(core),
      validation_(core, Stage::kFit),
      automatic_(core),
      manual_(core) {}

void FitLoop::run() {
  const at::AutoGradMode grad(true);
  setup_data();
  if (resume_at_ == ResumeAt::kNowhere) drop_open_epoch();
  is_over_ = pass_was_empty_ = false;
  kept_log_.reset();
  const bool is_open = resumes_an_open_fit();
  if (resume_at_ == ResumeAt::kEpochEnd) finish_saved_epoch();
  bool over = done() || core_.limit(DataStage::kTrain).is_zero();
  if (over && !is_open) {
    leave_as_saved();
    return;
  }
  start();
  if (resume_at_ != ResumeAt::kNowhere) go_on();
  // Asked anew: a hook of the start may have asked to stop.
  over = over || done();
  while (!over) {
    begin_epoch();
    run_epoch();
    end_epoch();
    over = done();
  }
  is_over_ = true;
  core_.hook(Hook::kOnTrainEnd, &Callback::on_train_end, &Module::on_train_end);
}

// -- the fit -----------------------------------------------------------------

bool FitLoop::done() {
  if (max_batches_ == 0) {
    log_info("[Trainer.fit] stopped: no training batches");
    return true;
  }
  if (pass_was_empty_ && core_.max_epochs == -1) {
    log_warning("[Trainer.fit] stopped: the train loader has no more batches");
    return true;
  }
  const int64_t max_steps = core_.options.max_steps;
  if (max_steps != -1 && core_.global_step() >= max_steps) {
    log_info("[Trainer.fit] stopped: max_steps=" + std::to_string(max_steps) +
             " reached");
    return true;
  }
  Progress& epochs = core_.progress.epochs;
  if (core_.max_epochs != -1 && epochs.current.processed >= core_.max_epochs) {
    epochs.current.completed = epochs.current.processed;
    log_info("[Trainer.fit] stopped: max_epochs=" +
             std::to_string(core_.max_epochs) + " reached");
    return true;
  }
  return core_.should_stop && can_stop_early();
}

void FitLoop::start() {
  fit_wait_ = {};
  forget_before_batch();
  saves_on_exception_ =
      std::ranges::any_of(core_.callbacks, [](const auto& callback) {
        const auto* writer =
            dynamic_cast<const CheckpointCallback*>(callback.get());
        return writer != nullptr && writer->saves_on_exception();
      });
  Progress& epochs = core_.progress.epochs;
  if (core_.options.max_steps == -1) {
    epochs.current.completed = epochs.current.processed;
  }
  if (validates_this_epoch() && !validation_.has_data()) {
    core_.stage = RunningStage::kValidate;
    validation_.setup_data();
    core_.stage = RunningStage::kTrain;
  }
  if (const int64_t in_eval = count_eval(*core_.module); in_eval > 0) {
    log_warning("[Trainer.fit] " + std::to_string(in_eval) +
                " module(s) are in eval mode as training starts; if that is "
                "not meant, call train()");
  }
  core_.hook(Hook::kOnTrainStart, &Callback::on_train_start,
             &Module::on_train_start);
}

// -- an epoch ----------------------------------------------------------------

void FitLoop::begin_epoch() {
  setup_data();
  core_.progress.epochs.increment_ready();
  core_.hook(Hook::kOnTrainEpochStart, &Callback::on_train_epoch_start,
             &Module::on_train_epoch_start);
  core_.progress.epochs.increment_started();
}

void FitLoop::run_epoch() {
  FitProgress& progress = core_.progress;
  const auto started = core_.clock.now();
  epoch_wait_ = {};
  epoch_validation_ = {};  // an epoch before may have ended with an exception
  progress.batches.reset_current();
  progress.schedulers.reset_current();
  progress.optimizer_steps.reset_current();
  progress.zero_grads.reset_current();
  progress.validation.counts.total = {};

  const auto before = pass_is_fresh_ ? start_wait_ : 0ns;
  if (!pass_is_fresh_) start_pass();
  pass_is_fresh_ = false;
  epoch_wait_.waited = std::exchange(start_wait_, 0ns);
  run_batches(started - before);
}

void FitLoop::run_batches(std::chrono::steady_clock::time_point started) {
  while (!epoch_done()) {
    if (!advance()) {
      pass_was_empty_ = core_.progress.batches.counts.current.ready == 0;
      warn_of_short_pass();
      break;
    }
    end_batch();
  }
  // Validations in between are not training.
  epoch_wait_.total = core_.clock.now() - started - epoch_validation_;
  fit_wait_.waited += epoch_wait_.waited;
  fit_wait_.total += epoch_wait_.total;
  if (epoch_wait_.total < 1s || epoch_wait_.share() < kLongWait) return;
  core_.once.info("[Trainer.fit] training waited for its data in " +
                  std::to_string(std::lround(100 * epoch_wait_.share())) +
                  " % of the epoch's time; DataLoader's num_workers loads "
                  "ahead, and TensorDataset gathers a batch at once");
}

// A loader that ends before its time takes the end of the epoch's validation
// with it, as in Lightning: nobody knew that the batch was the last.
void FitLoop::warn_of_short_pass() {
  const BatchProgress& batches = core_.progress.batches;
  if (batches.is_last_batch) return;
  const int64_t had = batches.counts.current.ready;
  core_.once.warning(
      "[Trainer.fit] the train loader ended after " + std::to_string(had) +
      (max_batches_ == kUnknownBatches
           ? std::string(" batches")
           : " of " + std::to_string(max_batches_) + " batches") +
      (had == 0 ? "; can it be read more than once?"
                : ", so that the validation at the end of the epoch doesn't "
                  "run; set limit_train_batches to what there is"));
}

bool FitLoop::epoch_done() {
  const int64_t max_steps = core_.options.max_steps;
  if (max_steps != -1 && core_.global_step() >= max_steps) return true;
  if (last_batch_reached()) return true;
  if (!core_.should_stop) return false;
  if (can_stop_early()) return true;
  core_.once.info("[Trainer.fit] asked to stop, but min_epochs=" +
                  std::to_string(core_.min_epochs) + " or min_steps=" +
                  std::to_string(core_.options.min_steps.value_or(0)) +
                  " has not been met; training goes on");
  return false;
}

void FitLoop::end_epoch() {
  batch_is_over_ = false;
  core_.log.epoch_end_reached();
  core_.progress.epochs.increment_processed();

  // Callbacks that monitor a metric come last, so that they see what the module
  // logs in its own hook.
  {
    const HookScope scope(*core_.module, Hook::kOnTrainEpochEnd);
    for (const auto& callback : core_.callbacks) {
      if (!callback->monitors()) {
        callback->on_train_epoch_end(core_.trainer, *core_.module);
      }
    }
    core_.module->on_train_epoch_end();
    for (const auto& callback : core_.callbacks) {
      if (callback->monitors()) {
        callback->on_train_epoch_end(core_.trainer, *core_.module);
      }
    }
  }
  core_.checkpoints.hook_ended();
  close_epoch();
  core_.signals.check();
}

void FitLoop::close_epoch() {
  core_.log.on_epoch_end();

  if (last_batch_reached()) update_schedulers(Interval::kEpoch, true);

  // The epoch's values belong to its last batch.
  LogPosition position = core_.log_position();
  --position.step;
  core_.log.send(core_.log.step_metrics(), position);
  core_.log.reset_results();

  core_.progress.epochs.increment_completed();
}

// -- a batch -----------------------------------------------------------------

bool FitLoop::advance() {
  note_before_batch();
  const auto asked = core_.clock.now();
  fetched_ = fetcher_->next();
  epoch_wait_.waited += core_.clock.now() - asked;
  if (fetched_ == nullptr) {
    forget_before_batch();
    return false;
  }

  BatchProgress& batches = core_.progress.batches;
  StepContext step{.batch_idx = batches.counts.current.ready};
  batches.is_last_batch = fetcher_->done();
  core_.transfer(fetched_->batch, 0);

  batch_is_over_ = false;
  batches.counts.increment_ready();
  core_.log.on_batch_start(fetched_->batch);
  {
    const HookScope scope(*core_.module, Hook::kOnTrainBatchStart);
    for (const auto& callback : core_.callbacks) {
      callback->on_train_batch_start(core_.trainer, *core_.module,
                                     fetched_->batch, step);
    }
    ((*core_.module).*TrainerAccess::on_train_batch_start)(fetched_->batch,
                                                           step);
  }
  core_.checkpoints.hook_ended();

  const bool skipped = step.skip_epoch;
  if (skipped) {
    batches.is_last_batch = true;
  } else {
    batches.counts.increment_started();
    const StepOutput& output = core_.manual()
                                   ? manual_.run(fetched_->batch, step)
                                   : automatic_.run(fetched_->batch, step);
    output_ = &output;
  }
  batches.counts.increment_processed();
  forget_before_batch();

  update_schedulers(Interval::kStep, false);
  if (last_batch_reached()) update_schedulers(Interval::kEpoch, false);
  if (skipped) return false;

  {
    const HookScope scope(*core_.module, Hook::kOnTrainBatchEnd);
    for (const auto& callback : core_.callbacks) {
      callback->on_train_batch_end(core_.trainer, *core_.module, *output_,
                                   fetched_->batch, step);
    }
    ((*core_.module).*TrainerAccess::on_train_batch_end)(*output_,
                                                         fetched_->batch, step);
  }
  core_.checkpoints.hook_ended();
  close_batch();

  // Let go before the next forward pass needs the memory.
  release_output();
  fetched_->batch.reset();
  return true;
}

void FitLoop::close_batch() {
  core_.log.on_batch_end();
  core_.progress.batches.counts.increment_completed();
  log_step_metrics();
}

void FitLoop::end_batch() {
  if (validation_is_due()) validate();
  after_validation();
}

void FitLoop::validate() {
  training_log_ = core_.log.suspend(&validation_.store());
  core_.stage = RunningStage::kValidate;
  const auto started = core_.clock.now();
  if (!inside_window()) {
    core_.hook_module(Hook::kOnValidationModelZeroGrad,
                      [](Module& m) { m.on_validation_model_zero_grad(); });
  }
  before_validation_ =
      State::map({{"rng", rng_state()}, {"metrics", metric_states().clone()}});
  validation_.run();
  before_validation_.reset();
  epoch_validation_ += core_.clock.now() - started;
  core_.stage = RunningStage::kTrain;
  core_.log.resume(*std::exchange(training_log_, std::nullopt));
}

void FitLoop::after_validation() {
  update_schedulers(Interval::kStep, true);
  if (!should_accumulate()) ++core_.progress.batches_that_stepped;
  if (core_.should_stop) {
    for (const auto& logger : core_.log.loggers) logger->save();
  }
  batch_is_over_ = true;
  core_.signals.check();
  core_.checkpoints.check();
}

void FitLoop::release_output() {
  output_ = nullptr;
  automatic_.release();
  manual_.release();
}

// -- small questions ---------------------------------------------------------

bool FitLoop::can_stop_early() const {
  return core_.progress.epochs.current.processed >= core_.min_epochs &&
         core_.global_step() >= core_.options.min_steps.value_or(0);
}

bool FitLoop::last_batch_reached() const {
  const BatchProgress& batches = core_.progress.batches;
  return batches.counts.current.ready == max_batches_ || batches.is_last_batch;
}

void FitLoop::log_step_metrics() {
  if (should_accumulate() || core_.log.loggers.empty()) return;
  if (logging_is_due() || core_.trainer.fast_dev_run()) {
    core_.log.send_step_metrics(core_.log_position());
  }
}

bool FitLoop::logging_is_due() const {
  const int64_t every = *core_.options.log_every_n_steps;
  if (every == 0) return false;
  return (core_.progress.batches_that_stepped + 1) % every == 0 ||
         core_.should_stop;
}

}  // namespace bolt::detail
