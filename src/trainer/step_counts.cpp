#include <torchbolt/core/error.h>

#include <algorithm>

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

int64_t TrainerCore::stepping_batches(int64_t batches) const {
  const auto each = [&](int64_t every) {
    return batches / every + (batches % every != 0 ? 1 : 0);
  };
  // Before configure_optimizers has returned, the Trainer's setting alone is
  // known.
  if (optimizer_entries.empty()) return each(options.accumulate_grad_batches);
  if (optimizer_entries.size() == 1) return each(window(0));
  int64_t steps = 0;
  for (int64_t ready = 1; ready <= batches; ++ready) {
    bool due = false;
    for (std::size_t k = 0; k < optimizer_entries.size() && !due; ++k) {
      due = window_ends(k, ready, ready == batches);
    }
    steps += due ? 1 : 0;
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
  int64_t any = 0, own = 0, whole = 0, rest = 0;
  const int64_t of_epoch = stepping_batches(batches);
  for (int64_t ready = 1; ready <= batches; ++ready) {
    const auto due = [&](std::size_t k) {
      return window_ends(k, ready, ready == batches);
    };
    bool some = false;
    for (std::size_t k = 0; k < optimizers.size(); ++k) some = some || due(k);
    if (!some) continue;
    ++any;
    own += due(config.optimizer_idx) && ready % config.frequency == 0 ? 1 : 0;
    // max_steps may end the last epoch here.
    if (any == global_steps % of_epoch) rest = own;
    if (any == of_epoch) whole = own;
  }
  return global_steps / of_epoch * whole + rest;
}

}  // namespace bolt::detail
