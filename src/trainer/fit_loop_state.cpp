#include <torchbolt/core/log.h>
#include <torchbolt/metrics/metric.h>
#include <torchbolt/state/rng.h>

#include <utility>

#include "trainer/core.h"
#include "trainer/fit_loop.h"

// What of the fit loop a checkpoint keeps beside the counters;
// fit_loop_resume.cpp takes it back.

namespace bolt::detail {

State FitLoop::state() const {
  // Nothing of it has been taken back yet.
  if (resume_state_) return *resume_state_;
  State state = State::map();
  const bool in_validation =
      training_log_.has_value() && !validation_.is_over();
  // A batch, or a validation, that isn't over is made again, from the same
  // beginning.
  const State* before = before_batch_ ? &*before_batch_ : nullptr;
  if (in_validation && before_validation_) before = &*before_validation_;
  state["rng"] = before != nullptr ? before->at("rng") : rng_state();
  state["metrics"] =
      before != nullptr ? before->at("metrics") : metric_states();
  state["should_stop"] = core_.should_stop;
  state["forward_only"] = core_.forward_only;
  state["accumulate_grad_batches"] = core_.options.accumulate_grad_batches;
  state["pass_is_fresh"] = pass_is_fresh_;
  state["in_validation"] = in_validation;
  state["batch_is_over"] = batch_is_over_;
  state["is_over"] = is_over_;
  state["loaded_in_epoch"] =
      loaded_in_epoch_ ? State(*loaded_in_epoch_) : State();
  State loader = loader_state();
  if (!loader.is_none()) state["loader"] = std::move(loader);
  state["validation"] = validation_.state();
  state["log"] = before_batch_ ? before_batch_->at("log") : log_state();
  state["gradients"] = gradients();
  return state;
}

State FitLoop::log_state() const {
  return State::map(
      {{"book", kept_log_ ? *kept_log_ : core_.log.state(training_log_)},
       {"store", store_.state(*core_.module)}});
}

void FitLoop::note_before_batch() {
  if (!saves_on_exception_) return;
  before_batch_ = State::map({{"rng", rng_state()},
                              {"metrics", metric_states().clone()},
                              {"log", log_state()}});
}

void FitLoop::forget_before_batch() {
  before_batch_.reset();
  gradients_before_.reset();
  passed_back_ = false;
}

void FitLoop::before_backward() {
  if (std::exchange(passed_back_, true) || !saves_on_exception_) return;
  if (core_.manual() || began_window()) {
    gradients_before_ = gradients_of_now().clone();
  }
}

State FitLoop::loader_state() const {
  if (!fetcher_) return loader_left_;
  // A batch that wasn't finished is made again.
  const bool unfinished =
      find_place() == ResumeAt::kBatch ||
      fetcher_->given() > core_.progress.batches.counts.current.ready;
  return fetcher_->state(unfinished && fetcher_->given() > 0);
}

State FitLoop::metric_states() const {
  State metrics = State::map();
  for (const auto& [name, metric] : core_.module->registered_metrics()) {
    metrics[name] = metric->state();
  }
  return metrics;
}

// Gradients that the next step goes on summing up.
State FitLoop::gradients() const {
  if (gradients_before_) return *gradients_before_;
  const bool began = began_window();
  if (began && passed_back_ && !core_.manual()) {
    log_warning(
        "[Trainer.save_checkpoint] the file is written in a batch behind its "
        "backward pass: a run that goes on makes the batch again, and adds it "
        "to the gradients a second time. Save it when the batch is over, or "
        "with a callback that saves_on_exception()");
  }
  return core_.manual() || inside_window() || began ? gradients_of_now()
                                                    : State::map();
}

State FitLoop::gradients_of_now() const {
  State all = State::map();
  for (const auto& item : core_.module->named_parameters()) {
    const at::Tensor& gradient = item.value().grad();
    if (gradient.defined()) all[item.key()] = gradient;
  }
  return all;
}

// Whether batches before the one that is at work left gradients behind.
bool FitLoop::began_window() const {
  if (find_place() != ResumeAt::kBatch) return false;
  const int64_t before = core_.progress.batches.counts.current.ready - 1;
  for (std::size_t k = 0; k < core_.optimizer_entries.size(); ++k) {
    if (before % core_.window(k) != 0) return true;
  }
  return false;
}

}  // namespace bolt::detail
