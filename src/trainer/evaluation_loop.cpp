#include "trainer/evaluation_loop.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/attempts.h"
#include "state/saved_count.h"
#include "trainer/checks.h"
#include "trainer/core.h"
#include "trainer/fit_loop.h"
#include "trainer/modes.h"

namespace bolt::detail {

/// The hooks of an evaluation: validation's or test's.
struct EvaluationHooks {
  using Simple = void (Callback::*)(Trainer&, Module&);
  using Own = void (Module::*)();
  using OnBatch = void (Callback::*)(Trainer&, Module&, const AnyBatch&,
                                     const StepContext&);
  struct Pair {
    Hook hook;
    Simple callback;
    Own module;
  };

  Own model_eval;
  Own model_train;
  Pair start, end, epoch_start, epoch_end;
  Hook batch_start;
  OnBatch on_batch_start;
  void (Module::*own_batch_start)(const AnyBatch&, StepContext&);
  Hook step;
  void (Module::*own_step)(const AnyBatch&, StepContext&);
  Hook batch_end;
  OnBatch on_batch_end;
  void (Module::*own_batch_end)(const AnyBatch&, const StepContext&);
};

namespace {

const EvaluationHooks kValidation{
    .model_eval = &Module::on_validation_model_eval,
    .model_train = &Module::on_validation_model_train,
    .start = {Hook::kOnValidationStart, &Callback::on_validation_start,
              &Module::on_validation_start},
    .end = {Hook::kOnValidationEnd, &Callback::on_validation_end,
            &Module::on_validation_end},
    .epoch_start = {Hook::kOnValidationEpochStart,
                    &Callback::on_validation_epoch_start,
                    &Module::on_validation_epoch_start},
    .epoch_end = {Hook::kOnValidationEpochEnd,
                  &Callback::on_validation_epoch_end,
                  &Module::on_validation_epoch_end},
    .batch_start = Hook::kOnValidationBatchStart,
    .on_batch_start = &Callback::on_validation_batch_start,
    .own_batch_start = TrainerAccess::on_validation_batch_start,
    .step = Hook::kValidationStep,
    .own_step = TrainerAccess::validation_step,
    .batch_end = Hook::kOnValidationBatchEnd,
    .on_batch_end = &Callback::on_validation_batch_end,
    .own_batch_end = TrainerAccess::on_validation_batch_end,
};

const EvaluationHooks kTest{
    .model_eval = &Module::on_test_model_eval,
    .model_train = &Module::on_test_model_train,
    .start = {Hook::kOnTestStart, &Callback::on_test_start,
              &Module::on_test_start},
    .end = {Hook::kOnTestEnd, &Callback::on_test_end, &Module::on_test_end},
    .epoch_start = {Hook::kOnTestEpochStart, &Callback::on_test_epoch_start,
                    &Module::on_test_epoch_start},
    .epoch_end = {Hook::kOnTestEpochEnd, &Callback::on_test_epoch_end,
                  &Module::on_test_epoch_end},
    .batch_start = Hook::kOnTestBatchStart,
    .on_batch_start = &Callback::on_test_batch_start,
    .own_batch_start = TrainerAccess::on_test_batch_start,
    .step = Hook::kTestStep,
    .own_step = TrainerAccess::test_step,
    .batch_end = Hook::kOnTestBatchEnd,
    .on_batch_end = &Callback::on_test_batch_end,
    .own_batch_end = TrainerAccess::on_test_batch_end,
};

void call(TrainerCore& core, const EvaluationHooks::Pair& pair) {
  core.hook(pair.hook, pair.callback, pair.module);
}

int64_t sum(const std::vector<int64_t>& batches) {
  int64_t total = 0;
  for (const int64_t n : batches) {
    if (n == kUnknownBatches) return n;
    total += n;
  }
  return total;
}

}  // namespace

EvaluationLoop::EvaluationLoop(TrainerCore& core, Stage function)
    : core_(core),
      function_(function),
      hooks_(function == Stage::kTest ? kTest : kValidation),
      data_stage_(function == Stage::kTest ? DataStage::kTest
                                           : DataStage::kVal),
      progress_(function == Stage::kFit ? core.progress.validation
                                        : own_progress_) {}

std::vector<MetricMap> EvaluationLoop::run() {
  // The validation inside a fit is never in inference mode: what it makes may
  // be used in training.
  const bool inference =
      function_ != Stage::kFit && core_.options.inference_mode;
  const c10::InferenceMode inference_mode(inference);
  const at::NoGradGuard no_grad;

  setup_data();
  const std::vector<int64_t> limits =
      sanity_checking() ? sanity_batches() : max_batches_;
  if (sum(limits) == 0) return {};

  logged_.clear();
  over_ = false;
  untouched_.reset();
  seen_before_ = seen_batches_;
  progress_.reset_current();
  fetcher_.emplace(loaders_, limits);
  fetcher_->start(function_ == Stage::kFit
                      ? std::optional(core_.progress.epochs.current.processed)
                      : std::nullopt);
  note_modes(*core_.module);
  core_.hook_module(Hook::kOnModelEval,
                    [&](Module& m) { (m.*hooks_.model_eval)(); });
  call(core_, hooks_.start);
  call(core_, hooks_.epoch_start);
  run_batches();
  return finish();
}

void EvaluationLoop::run_batches() {
  int64_t loader = 0;
  while (Fetcher::Fetched* fetched = fetcher_->next()) {
    if (fetched->dataloader_idx != loader) {
      finish_loader();
      loader = fetched->dataloader_idx;
    }
    progress_.is_last_batch = fetcher_->done();
    step(*fetched);
    fetched->batch.reset();
    core_.signals.check();
  }
  finish_loader();
}

void EvaluationLoop::step(Fetcher::Fetched& fetched) {
  core_.transfer(fetched.batch, fetched.dataloader_idx);
  const auto loaders = static_cast<int64_t>(loaders_.count());
  StepContext context{.batch_idx = fetched.batch_idx,
                      .dataloader_idx = fetched.dataloader_idx,
                      .num_dataloaders = loaders};
  progress_.counts.increment_ready();
  core_.log.on_batch_start(
      fetched.batch,
      loaders > 1 ? std::optional(fetched.dataloader_idx) : std::nullopt);

  Module& module = *core_.module;
  const auto callbacks = [&](EvaluationHooks::OnBatch hook) {
    for (const auto& callback : core_.callbacks) {
      ((*callback).*hook)(core_.trainer, module, fetched.batch, context);
    }
  };
  {
    const HookScope scope(module, hooks_.batch_start);
    callbacks(hooks_.on_batch_start);
    (module.*hooks_.own_batch_start)(fetched.batch, context);
  }
  progress_.counts.increment_started();
  {
    const HookScope scope(module, hooks_.step);
    const auto autocast = core_.fabric.autocast();
    (module.*hooks_.own_step)(fetched.batch, context);
  }
  progress_.counts.increment_processed();
  {
    const HookScope scope(module, hooks_.batch_end);
    callbacks(hooks_.on_batch_end);
    (module.*hooks_.own_batch_end)(fetched.batch, context);
  }
  core_.checkpoints.hook_ended();
  core_.log.on_batch_end();
  progress_.counts.increment_completed();
  log_step_metrics(fetched);
}

void EvaluationLoop::log_step_metrics(const Fetcher::Fetched& fetched) {
  if (sanity_checking()) return;
  int64_t& seen =
      seen_batches_[static_cast<std::size_t>(fetched.dataloader_idx)];
  if (!core_.log.loggers.empty()) {
    core_.log.send_at(core_.log.step_metrics(), seen);
  }
  ++seen;
}

void EvaluationLoop::finish_loader() {
  core_.log.epoch_end_reached();
  logged_.push_back(sanity_checking() ? MetricMap{}
                                      : core_.log.finish_loader());
}

std::vector<MetricMap> EvaluationLoop::finish() {
  core_.log.epoch_end_reached();
  store_.leave_loaders();
  call(core_, hooks_.epoch_end);
  core_.log.on_epoch_end();

  std::vector<MetricMap> results = std::exchange(logged_, {});
  if (!sanity_checking()) {
    const MetricMap of_epoch = core_.log.finish_loader();
    // Of one name in several loaders the first counts, as in Lightning.
    MetricMap all = of_epoch;
    for (MetricMap& loader : results) {
      all.insert(loader.begin(), loader.end());
      for (const auto& [name, value] : of_epoch) loader[name] = value;
    }
    core_.log.send(all, core_.log_position());
  }
  over_ = true;
  call(core_, hooks_.end);
  core_.log.reset_results();
  core_.hook_module(Hook::kOnModelTrain,
                    [&](Module& m) { (m.*hooks_.model_train)(); });
  restart_clock();
  return results;
}

void EvaluationLoop::setup_data() {
  const bool in_fit = function_ == Stage::kFit;
  const int64_t epoch = core_.progress.epochs.current.completed;
  const int64_t every = core_.options.reload_dataloaders_every_n_epochs;
  const bool reload =
      every > 0 && (!loaded_in_epoch_ || epoch - *loaded_in_epoch_ >= every);
  if (in_fit && loaders_.defined() && !reload) {
    if (!sanity_checking()) resume();
    return;
  }
  const bool has_step = data_stage_ == DataStage::kTest
                            ? core_.module_hooks.test_step
                            : core_.module_hooks.validation_step;
  if (core_.limit(data_stage_).is_zero() || !has_step) return;

  if (in_fit &&
      (!sanity_checking() || core_.fit_loop->validates_this_epoch())) {
    loaded_in_epoch_ = epoch;
  }
  loaders_ = core_.request_loaders(data_stage_);
  if (in_fit && !core_.options.overfit_batches.is_zero()) {
    keep_order(loaders_, "validation", core_.once);
  }
  max_batches_ = core_.limits(data_stage_, loaders_);
  for (std::size_t k = 0; k < loaders_.count(); ++k) {
    if (loaders_[k].shuffled()) {
      core_.once.warning("[Trainer] the " +
                         std::string(to_string(data_stage_)) +
                         " loader shuffles; its order should stay the same");
    }
  }
  seen_batches_.assign(loaders_.count(), 0);
  if (in_fit && !sanity_checking()) resume();
}

State EvaluationLoop::state() const {
  if (resume_) return *resume_;
  if (left_) return *left_;
  State seen = State::list();
  for (const int64_t n : over_ ? seen_batches_ : seen_before_) {
    seen.push_back(n);
  }
  State loaders = State::list();
  for (std::size_t k = 0; k < loaders_.count(); ++k) {
    loaders.push_back(loaders_[k].state());
  }
  if (untouched_) loaders = *untouched_;
  return State::map({{"seen_batches", std::move(seen)},
                     {"loaders", std::move(loaders)},
                     {"loaded_in_epoch",
                      loaded_in_epoch_ ? State(*loaded_in_epoch_) : State()}});
}

// Another number of loaders than was saved begins anew.
void EvaluationLoop::resume() {
  if (!resume_) return;
  const State state = *std::exchange(resume_, std::nullopt);
  std::vector<State> saved;
  core_.restorer.take_back("the validation loaders' place", [&] {
    saved = state.at("loaders").items();
    if (state.at("seen_batches").size() != loaders_.count() ||
        saved.size() != loaders_.count()) {
      saved.clear();
      return;
    }
    take_counts(state);
    for (std::size_t k = 0; k < saved.size(); ++k) {
      if (!saved[k].is_none()) loaders_[k].load_state(saved[k]);
    }
  });
  for (std::size_t k = 0; k < saved.size(); ++k) {
    if (saved[k].is_none()) continue;
    // The first start() after load_state() would go on in the old pass.
    loaders_[k].set_limit(max_batches_[k]);
    loaders_[k].start();
  }
  if (!saved.empty()) untouched_ = state.at("loaders");
}

void EvaluationLoop::take_counts(const State& state) {
  seen_batches_.clear();
  for (const State& n : state.at("seen_batches").items()) {
    seen_batches_.push_back(saved_count(n, "seen_batches"));
  }
  const State& epoch = state.at("loaded_in_epoch");
  if (!epoch.is_none()) {
    loaded_in_epoch_ = saved_count(epoch, "loaded_in_epoch");
  }
}

void EvaluationLoop::forget_data() {
  loaders_ = {};
  left_.reset();
  loaded_in_epoch_.reset();
}

void EvaluationLoop::release() {
  Attempts attempts;
  // For files that are written from here on.
  if (function_ == Stage::kFit && (resume_ || loaders_.defined())) {
    attempts.make([&] { left_ = state().clone(); });
  }
  fetcher_.reset();
  untouched_.reset();
  if (resume_) {
    // No validation came any more; its counts go on in the next fit.
    take_counts(*resume_);
    resume_.reset();
  }
  attempts.make(
      [&] { close_loaders(std::exchange(loaders_, {}), core_.options); });
  attempts.rethrow();
}

std::vector<int64_t> EvaluationLoop::sanity_batches() const {
  const int64_t steps = *core_.options.num_sanity_val_steps;
  std::vector<int64_t> batches = max_batches_;
  for (int64_t& n : batches) {
    if (steps != -1) n = std::min(n, steps);
  }
  return batches;
}

bool EvaluationLoop::sanity_checking() const {
  return core_.stage == RunningStage::kSanityCheck;
}

std::chrono::nanoseconds EvaluationLoop::time_since_last() const {
  return core_.clock.now() - last_run_;
}

void EvaluationLoop::restart_clock() { last_run_ = core_.clock.now(); }

}  // namespace bolt::detail
