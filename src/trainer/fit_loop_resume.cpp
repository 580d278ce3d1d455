#include <ATen/ATen.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/log.h>
#include <torchbolt/metrics/metric.h>
#include <torchbolt/state/rng.h>

#include <algorithm>
#include <string>
#include <utility>

#include "data/flat_tensor.h"
#include "trainer/core.h"
#include "trainer/fit_loop.h"

// Going on from a checkpoint as if nothing had happened: how the fit loop finds
// back to where it was, with what fit_loop_state.cpp has kept. A file is
// written when a hook is over (see checkpoints.h), so each case below does what
// the loop would have done next.

namespace bolt::detail {
namespace {

const State* entry(const std::optional<State>& state, const char* key) {
  return state ? state->find(key) : nullptr;
}

// What had begun and not ended, begins again.
void reopen(Progress& progress) {
  progress.reset_current_to_completed();
  Counts& total = progress.total;
  total.ready = total.started = total.processed = total.completed;
}

}  // namespace

void FitLoop::resume(const State* own) {
  resume_state_.reset();
  if (own != nullptr) resume_state_ = own->at("fit");
  resume_at_ = find_place();
  FitProgress& progress = core_.progress;
  switch (resume_at_) {
    case ResumeAt::kBatch:
      reopen(progress.batches.counts);
      progress.batches.is_last_batch = false;
      reopen(progress.optimizer_steps);
      reopen(progress.zero_grads);
      break;
    case ResumeAt::kValidation: {
      Progress& counts = progress.validation.counts;
      counts.total.ready -= counts.current.ready;
      counts.total.started -= counts.current.started;
      counts.total.processed -= counts.current.processed;
      counts.total.completed -= counts.current.completed;
      counts.reset_current();
      break;
    }
    case ResumeAt::kEpochEnd:
      // max_steps had cut the epoch short.
      if (core_.options.max_steps != -1 && !progress.batches.is_last_batch) {
        --progress.epochs.total.processed;
        --progress.epochs.current.processed;
        resume_at_ = ResumeAt::kBetween;
      }
      break;
    default:
      break;
  }
  if (const State* stop = entry(resume_state_, "should_stop")) {
    core_.should_stop = stop->as_bool() && core_.request.keep_stop_request;
    if (core_.should_stop) {
      log_info(
          "[Trainer.fit] the run that was saved had been asked to stop, and so "
          "is this one; .keep_stop_request = false trains on");
    }
  }
}

// See the table of counters in docs/formats/checkpoint.md.
FitLoop::ResumeAt FitLoop::find_place() const {
  const Counts& epoch = core_.progress.epochs.current;
  if (epoch.ready == epoch.completed) return ResumeAt::kNewEpoch;
  if (epoch.started < epoch.ready) return ResumeAt::kEpochStart;
  if (epoch.processed == epoch.started) return ResumeAt::kEpochEnd;
  const Counts& batch = core_.progress.batches.counts.current;
  if (batch.ready == 0) return ResumeAt::kBetween;
  if (batch.ready == batch.completed) {
    const State* over = entry(resume_state_, "batch_is_over");
    if (over != nullptr && over->as_bool()) return ResumeAt::kBetween;
    const State* in_validation = entry(resume_state_, "in_validation");
    return in_validation != nullptr && in_validation->as_bool()
               ? ResumeAt::kValidation
               : ResumeAt::kValidationEnd;
  }
  return batch.processed == batch.ready ? ResumeAt::kBatchEnd
                                        : ResumeAt::kBatch;
}

bool FitLoop::resumes_inside_epoch() const {
  switch (resume_at_) {
    case ResumeAt::kBatch:
    case ResumeAt::kBatchEnd:
    case ResumeAt::kBetween:
    case ResumeAt::kValidation:
    case ResumeAt::kValidationEnd:
      return true;
    default:
      return false;
  }
}

// With max_steps, Lightning takes every file for one from inside an epoch.
bool FitLoop::resumes_without_sanity_check() const {
  return resumes_inside_epoch() ||
         (resume_at_ != ResumeAt::kNowhere && core_.options.max_steps != -1);
}

// Whether the run that was saved had been ended by a signal, behind its last
// epoch.
bool FitLoop::resumes_an_open_fit() const {
  const State* over = entry(resume_state_, "is_over");
  return resume_at_ == ResumeAt::kNewEpoch && over != nullptr &&
         !over->as_bool();
}

// A fit before may have ended with an exception, and its epoch begins again.
void FitLoop::drop_open_epoch() {
  for (Counts* counts :
       {&core_.progress.epochs.current, &core_.progress.epochs.total}) {
    counts->ready = counts->started = counts->processed;
  }
}

void FitLoop::resume_loader() {
  if (const State* epoch = entry(resume_state_, "loaded_in_epoch")) {
    if (!epoch->is_none()) loaded_in_epoch_ = epoch->as_int();
  }
  if (const State* validation = entry(resume_state_, "validation")) {
    validation_.load_state(*validation);
  }
  const bool inside = resumes_inside_epoch();
  if (const State* loader = entry(resume_state_, "loader")) {
    loader_left_ = *loader;
    const State* fresh = entry(resume_state_, "pass_is_fresh");
    const bool begun = fresh == nullptr || !fresh->as_bool();
    fetcher_->load_state(*loader, !inside && begun);
  } else if (inside) {
    // Another program's file: the counters alone know.
    const BatchProgress& batches = core_.progress.batches;
    fetcher_->load_state(State::map({{"loader", State()},
                                     {"batches", batches.counts.current.ready},
                                     {"done", batches.is_last_batch},
                                     {"again", false}}),
                         false);
  }
}

void FitLoop::resume_log() {
  if (const State* metrics = entry(resume_state_, "metrics")) {
    for (const auto& [name, metric] : core_.module->registered_metrics()) {
      const State* state = metrics->find(std::string_view(name));
      if (state != nullptr) metric->load_state(*state);
    }
  }
  if (const State* log = entry(resume_state_, "log")) {
    store_.load_state(log->at("store"), *core_.module);
    core_.log.load_state(log->at("book"));
  }
}

void FitLoop::take_back_log() {
  core_.restorer.take_back("what was logged", [&] { resume_log(); });
}

// What callbacks set as an epoch begins, whose hook isn't called again.
void FitLoop::resume_settings() {
  if (const State* only = entry(resume_state_, "forward_only")) {
    core_.forward_only = only->as_bool();
  }
  const bool scheduled =
      std::ranges::any_of(core_.callbacks, [](const auto& callback) {
        return !callback->accumulation_schedule().empty();
      });
  const State* batches = entry(resume_state_, "accumulate_grad_batches");
  if (scheduled && batches != nullptr) {
    core_.trainer.set_accumulate_grad_batches(batches->as_int());
  }
}

void FitLoop::resume_rest() {
  const CheckpointRestorer& file = core_.restorer;
  if (resumes_inside_epoch()) {
    file.take_back("what callbacks had set", [&] { resume_settings(); });
  }
  file.take_back("the gradients", [&] { resume_gradients(); });
  const State* rng = entry(resume_state_, "rng");
  if (rng == nullptr) return;
  file.take_back("the random numbers' state", [&] { load_rng_state(*rng); });
}

void FitLoop::resume_gradients() {
  const State* gradients = entry(resume_state_, "gradients");
  if (gradients == nullptr) return;
  const at::NoGradGuard no_grad;
  for (auto& item : core_.module->named_parameters()) {
    const State* saved = gradients->find(std::string_view(item.key()));
    if (saved == nullptr) continue;
    const at::Tensor& gradient = saved->as_tensor();
    if (gradient.sizes() != item.value().sizes()) {
      throw CheckpointError({.where = item.key(),
                             .what = "the gradient has another shape",
                             .got = shape_text(gradient.sizes()),
                             .expected = shape_text(item.value().sizes())});
    }
    item.value().mutable_grad() = gradient.to(item.value().options()).clone();
  }
}

// The hooks at the end of the epoch have run, and what follows them hasn't.
void FitLoop::finish_saved_epoch() {
  if (!resume_state_) {
    core_.progress.epochs.increment_completed();
    return;
  }
  take_back_log();
  core_.log.deliver_only_to(core_.resumed_loggers);
  close_epoch();
  core_.log.deliver_to_all();
}

// Nothing is left to train, and no hook of training is called, as in Lightning.
void FitLoop::leave_as_saved() {
  switch (resume_at_) {
    case ResumeAt::kNewEpoch:
      take_back_log();  // what was logged last can still be asked for
      break;
    case ResumeAt::kEpochEnd:
      // What the run that was saved had logged is not this one's.
      kept_log_ = core_.log.state({});
      core_.log.reset_tables();
      break;
    default:
      return;
  }
  resume_rest();
  resume_state_.reset();
  resume_at_ = ResumeAt::kNowhere;
  is_over_ = true;
}

// on_train_start has run.
void FitLoop::go_on() {
  if (resume_at_ != ResumeAt::kEpochEnd) take_back_log();
  resume_rest();
  resumed_own_ = resume_state_.has_value();
  resume_state_.reset();
  const ResumeAt at = resume_at_;
  if (at == ResumeAt::kEpochStart) {
    resume_at_ = ResumeAt::kNowhere;
    core_.progress.epochs.increment_started();
    run_epoch();
    end_epoch();
  } else if (resumes_inside_epoch()) {
    continue_epoch();
  }
  resume_at_ = ResumeAt::kNowhere;
}

void FitLoop::continue_epoch() {
  epoch_wait_ = {};
  epoch_validation_ = {};
  pass_is_fresh_ = false;
  const auto started = core_.clock.now();
  finish_saved_batch();
  run_batches(started);
  end_epoch();
}

void FitLoop::finish_saved_batch() {
  switch (std::exchange(resume_at_, ResumeAt::kNowhere)) {
    case ResumeAt::kBatchEnd:
      if (!resumed_own_) {
        // Another program's file, and its values aren't known.
        core_.progress.batches.counts.increment_completed();
        if (!should_accumulate()) ++core_.progress.batches_that_stepped;
        return;
      }
      core_.log.deliver_only_to(core_.resumed_loggers);
      close_batch();
      core_.log.deliver_to_all();
      end_batch();
      return;
    case ResumeAt::kValidation:
      end_batch();
      return;
    case ResumeAt::kValidationEnd:
      if (!resumed_own_) {
        if (!should_accumulate()) ++core_.progress.batches_that_stepped;
        return;
      }
      after_validation();
      return;
    default:
      return;
  }
}

}  // namespace bolt::detail
