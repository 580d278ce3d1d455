#include <torchbolt/trainer/monitor.h>

#include <optional>

#include "trainer/core.h"
#include "trainer/fit_loop.h"

// On which batches of an epoch the optimizers step, and the schedules with
// them.

namespace bolt::detail {

bool FitLoop::steps_now(std::size_t k) const {
  if (core_.forward_only) return false;
  const int64_t ready = core_.progress.batches.counts.current.ready;
  return core_.window_ends(k, ready, last_batch_reached());
}

bool FitLoop::should_accumulate() const {
  for (std::size_t k = 0; k < core_.optimizer_entries.size(); ++k) {
    if (steps_now(k)) return false;
  }
  return true;
}

bool FitLoop::inside_window() const {
  for (std::size_t k = 0; k < core_.optimizer_entries.size(); ++k) {
    if (!steps_now(k)) return true;
  }
  return false;
}

void FitLoop::update_schedulers(Interval interval, bool plateau) {
  if (core_.schedulers.empty() || core_.manual() || core_.forward_only) {
    return;
  }
  if (interval == Interval::kStep && should_accumulate()) return;
  const FitProgress& progress = core_.progress;
  const int64_t index = interval == Interval::kStep
                            ? progress.batches.counts.current.ready
                            : progress.epochs.current.completed + 1;
  for (LRSchedulerConfig& config : core_.schedulers) {
    LRScheduler& scheduler = *config.scheduler;
    if (scheduler.needs_metric() != plateau || config.interval != interval ||
        index % config.frequency != 0) {
      continue;
    }
    if (interval == Interval::kStep && !steps_now(config.optimizer_idx)) {
      continue;
    }
    std::optional<double> metric;
    if (plateau) {
      metric = monitored_metric(core_.trainer, scheduler.name(),
                                *config.monitor, config.strict, true);
      if (!metric) continue;
    }
    core_.progress.schedulers.increment_ready();
    core_.hook_module(Hook::kLRSchedulerStep, [&](Module& m) {
      m.lr_scheduler_step(scheduler, metric);
    });
    core_.progress.schedulers.increment_completed();
  }
}

}  // namespace bolt::detail
