#include <torchbolt/core/error.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/attempts.h"
#include "trainer/checks.h"
#include "trainer/core.h"
#include "trainer/fit_loop.h"

// The fit loop's data, and when it is interrupted to validate.

namespace bolt::detail {

void FitLoop::setup_data() {
  const int64_t epoch = core_.progress.epochs.current.completed;
  const int64_t every = core_.options.reload_dataloaders_every_n_epochs;
  const bool reload =
      every > 0 && (!loaded_in_epoch_ || epoch - *loaded_in_epoch_ >= every);
  if (fetcher_ && !reload) return;
  if (core_.limit(DataStage::kTrain).is_zero()) return;

  Loaders loaders = core_.request_loaders(DataStage::kTrain);
  if (!core_.options.overfit_batches.is_zero()) {
    keep_order(loaders, "training", core_.once);
  }
  std::vector<int64_t> limits = core_.limits(DataStage::kTrain, loaders);
  fetcher_.emplace(std::move(loaders), std::move(limits));
  fetcher_->track_state();
  loaded_in_epoch_ = epoch;
  if (resume_at_ != ResumeAt::kNowhere) {
    core_.restorer.take_back("the loaders' place", [&] { resume_loader(); });
  }
  start_pass();
  pass_is_fresh_ = true;
  max_batches_ = fetcher_->length();
  if (max_batches_ == 0) {
    loaded_in_epoch_.reset();
    return;
  }
  decide_validation_interval(max_batches_ != kUnknownBatches);
  if (!core_.log.loggers.empty() && !core_.trainer.fast_dev_run() &&
      max_batches_ < *core_.options.log_every_n_steps) {
    core_.once.warning("[Trainer.fit] an epoch has " +
                       std::to_string(max_batches_) +
                       " batches, fewer than log_every_n_steps=" +
                       std::to_string(*core_.options.log_every_n_steps) +
                       "; set it lower to see step metrics of every epoch");
  }
}

// A loader may make its first batch here already.
void FitLoop::start_pass() {
  const auto asked = core_.clock.now();
  fetcher_->start(core_.progress.epochs.current.processed);
  start_wait_ = core_.clock.now() - asked;
}

void FitLoop::forget_data() {
  fetcher_.reset();
  loader_left_ = {};
  pass_is_fresh_ = false;
  loaded_in_epoch_.reset();
  validation_.forget_data();
}

void FitLoop::release() {
  fetched_ = nullptr;
  // Of a pass that nobody has asked for a batch, what was taken back stays.
  const bool passed = !std::exchange(pass_is_fresh_, false);
  training_log_.reset();
  before_validation_.reset();
  before_batch_.reset();
  gradients_before_.reset();
  resume_at_ = ResumeAt::kNowhere;
  resume_state_.reset();
  release_output();
  manual_.untoggle_all();
  Attempts attempts;
  // For files that are written from here on.
  attempts.make([&] {
    if (passed) loader_left_ = loader_state().clone();
  });
  const std::optional<Fetcher> fetcher = std::exchange(fetcher_, std::nullopt);
  attempts.make([&] {
    if (fetcher) close_loaders(fetcher->loaders(), core_.options);
  });
  attempts.make([&] { validation_.release(); });
  attempts.rethrow();
}

void FitLoop::decide_validation_interval(bool sized) {
  const ValCheckInterval& interval = *core_.options.val_check_interval;
  val_check_batch_ = kUnknownBatches;
  if (interval.is_time()) {
    validation_.restart_clock();
    return;
  }
  const BatchLimit& batches = interval.batches();
  if (batches.is_count()) {
    val_check_batch_ = batches.count();
    if (val_check_batch_ > max_batches_ &&
        core_.options.check_val_every_n_epoch &&
        !core_.limit(DataStage::kVal).is_zero()) {
      throw ConfigError(
          {.where = "Trainer.fit",
           .what = "val_check_interval is longer than an epoch",
           .got = std::to_string(val_check_batch_) + " of " +
                  std::to_string(max_batches_) + " batches",
           .expected = "at most the number of training batches",
           .tip = "set .check_val_every_n_epoch = std::nullopt to count "
                  "batches over all epochs, or .limit_val_batches = 0 to turn "
                  "validation off"});
    }
    if (val_check_batch_ == 0 && core_.validation_enabled()) {
      throw ConfigError({.where = "Trainer.fit",
                         .what = "val_check_interval must not be 0 batches",
                         .got = "0",
                         .expected = "at least 1"});
    }
    return;
  }
  if (sized) {
    val_check_batch_ = std::max<int64_t>(
        1, static_cast<int64_t>(static_cast<double>(max_batches_) *
                                batches.share()));
  } else if (batches.share() != 1.0) {
    throw ConfigError(
        {.where = "Trainer.fit",
         .what = "val_check_interval as a share of the epoch needs a loader "
                 "that knows its length",
         .got = batches.text(),
         .expected = "1.0, a number of batches, or a time"});
  }
}

bool FitLoop::validates_this_epoch() const {
  if (!core_.validation_enabled()) return false;
  const auto every = core_.options.check_val_every_n_epoch;
  return !every || (core_.progress.epochs.current.completed + 1) % *every == 0;
}

bool FitLoop::validation_is_due() const {
  if (!validates_this_epoch()) return false;
  const BatchProgress& batches = core_.progress.batches;
  const ValCheckInterval& interval = *core_.options.val_check_interval;
  const bool at_end_only =
      !interval.is_time() && val_check_batch_ == kUnknownBatches;
  if (batches.is_last_batch && at_end_only) return true;
  if (core_.should_stop && can_stop_early()) return true;
  if (interval.is_time())
    return validation_.time_since_last() >= interval.time();
  if (at_end_only) return batches.is_last_batch;
  const Counts& counted = core_.options.check_val_every_n_epoch
                              ? batches.counts.current
                              : batches.counts.total;
  return counted.ready % val_check_batch_ == 0;
}

}  // namespace bolt::detail
