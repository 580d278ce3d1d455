#include <torchbolt/core/error.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "trainer/core.h"
#include "trainer/fit_loop.h"

// How many steps a fit will make.

namespace bolt::detail {
namespace {

[[noreturn]] void refuse_unknown(const LRSchedulerConfig& config) {
  throw ConfigError({.where = config.scheduler->name(),
                     .what = "nobody knows how many steps the fit will make",
                     .expected = "max_epochs with loaders that know their "
                                 "length, or max_steps",
                     .tip = "set .total_steps"});
}

}  // namespace

std::map<int64_t, int64_t> TrainerCore::accumulation_schedule() const {
  std::map<int64_t, int64_t> schedule;
  for (const auto& callback : callbacks) {
    auto own = callback->accumulation_schedule();
    if (!own.empty()) schedule = std::move(own);  // the last one has the say
  }
  schedule.try_emplace(0, options.accumulate_grad_batches);
  return schedule;
}

std::vector<TrainerCore::EpochRun> TrainerCore::epoch_runs() const {
  const int64_t all = max_epochs == -1 ? std::numeric_limits<int64_t>::max()
                                       : std::max<int64_t>(max_epochs, 1);
  const std::map<int64_t, int64_t> schedule = accumulation_schedule();
  std::vector<EpochRun> runs;
  for (auto at = schedule.begin(); at != schedule.end(); ++at) {
    const auto next = std::next(at);
    const int64_t end =
        next == schedule.end() ? all : std::min(next->first, all);
    if (end > at->first) runs.push_back({end - at->first, at->second});
  }
  return runs;
}

// Of so many batches of an epoch, those on which an optimizer steps.
int64_t TrainerCore::stepping_batches(int64_t batches,
                                      int64_t accumulate) const {
  const auto each = [&](int64_t every) {
    return batches / every + (batches % every != 0 ? 1 : 0);
  };
  // Before configure_optimizers has returned, the Trainer's setting alone is
  // known.
  if (optimizer_entries.empty()) return each(accumulate);
  if (optimizer_entries.size() == 1) return each(window(0, accumulate));
  int64_t steps = 0;
  for (int64_t ready = 1; ready <= batches; ++ready) {
    bool due = ready == batches;
    for (std::size_t k = 0; k < optimizer_entries.size() && !due; ++k) {
      due = ready % window(k, accumulate) == 0;
    }
    steps += due ? 1 : 0;
  }
  return steps;
}

int64_t TrainerCore::steps_of_fit(int64_t batches) const {
  int64_t steps = 0;
  for (const auto& [epochs, accumulate] : epoch_runs()) {
    int64_t of_run = 0;
    if (__builtin_mul_overflow(epochs, stepping_batches(batches, accumulate),
                               &of_run) ||
        __builtin_add_overflow(steps, of_run, &steps)) {
      return kUnknownBatches;
    }
  }
  return steps;
}

void TrainerCore::set_total_steps() {
  for (LRSchedulerConfig& config : schedulers) {
    if (!config.scheduler->needs_total_steps()) continue;
    fit_loop->setup_data();
    const int64_t all = trainer.estimated_stepping_batches();
    if (config.interval == Interval::kEpoch) {
      if (max_epochs == -1) refuse_unknown(config);
      config.scheduler->set_total_steps(
          std::max<int64_t>(max_epochs / config.frequency, 1));
      continue;
    }
    if (all == kUnknownBatches) refuse_unknown(config);
    config.scheduler->set_total_steps(
        std::max<int64_t>(schedule_steps(config, all), 1));
  }
}

// Of a fit with so many global steps, those of a schedule.
int64_t TrainerCore::schedule_steps(const LRSchedulerConfig& config,
                                    int64_t global_steps) const {
  const int64_t batches = trainer.num_training_batches();
  // Under manual optimization the module steps when it likes.
  if (manual() || batches == kUnknownBatches || batches < 1) {
    return global_steps / config.frequency;
  }
  // The first `most` global steps of an epoch, and how many of these are the
  // schedule's.
  const auto count = [&](int64_t accumulate, int64_t most) {
    std::pair<int64_t, int64_t> steps{0, 0};
    for (int64_t ready = 1; ready <= batches && steps.first < most; ++ready) {
      const auto due = [&](std::size_t k) {
        return ready == batches || ready % window(k, accumulate) == 0;
      };
      bool some = false;
      for (std::size_t k = 0; k < optimizers.size(); ++k) some = some || due(k);
      if (!some) continue;
      ++steps.first;
      if (due(config.optimizer_idx) && ready % config.frequency == 0) {
        ++steps.second;
      }
    }
    return steps;
  };
  int64_t own = 0;
  int64_t left = global_steps;
  for (const auto& [epochs, accumulate] : epoch_runs()) {
    const auto [of_epoch, own_of_epoch] = count(accumulate, kUnknownBatches);
    const int64_t whole = std::min(epochs, left / of_epoch);
    own += whole * own_of_epoch;
    left -= whole * of_epoch;
    // max_steps ends an epoch here.
    if (whole < epochs) return own + count(accumulate, left).second;
  }
  return own;
}

}  // namespace bolt::detail
