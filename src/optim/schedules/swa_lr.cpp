#include <torch/optim/optimizer.h>
#include <torchbolt/optim/schedules/swa_lr.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <utility>

#include "optim/anneal.h"
#include "optim/check_option.h"
#include "optim/schedule_state.h"

namespace bolt::optim {

SWALR::SWALR(OptimizerRef optimizer, SWALROptions options)
    : Schedule(std::move(optimizer), options.last_epoch),
      anneal_epochs_(options.anneal_epochs),
      strategy_(options.anneal_strategy) {
  check_given(options.swa_lr.given(), name(), "swa_lr", ".swa_lr = 0.05");
  check_option(anneal_epochs_ >= 0, name(), "anneal_epochs", anneal_epochs_,
               "at least 0");
  const std::size_t count = target().param_groups().size();
  const auto swa_lrs = options.swa_lr.values(count, name(), "swa_lr");
  for (std::size_t i = 0; i < count; ++i) {
    extras().set(i, "swa_lr", swa_lrs[i]);
  }
  initial_step();
}

// How much of the way is behind after a number of steps.
double SWALR::share(int64_t step) const {
  const double t =
      std::clamp(static_cast<double>(step) /
                     static_cast<double>(std::max<int64_t>(1, anneal_epochs_)),
                 0.0, 1.0);
  if (strategy_ == AnnealStrategy::kLinear) return t;
  return (1 - std::cos(std::numbers::pi * t)) / 2;
}

void SWALR::get_lr(std::vector<double>& lrs) {
  int64_t step = step_count() - 1;
  if (anneal_epochs_ == 0) step = std::max<int64_t>(1, step);
  const double before = share(step - 1);
  const double now = share(step);
  for (std::size_t i = 0; i < lrs.size(); ++i) {
    const auto swa_lr = extras().find(i, "swa_lr");
    if (!swa_lr) {
      throw ConfigError(
          {.where = std::string(name()),
           .what = "parameter group " + std::to_string(i) + " has no swa_lr",
           .tip = "add all groups to the optimizer before its "
                  "schedule is made"});
    }
    // The rate at which the way began, from where it is now.
    const double first =
        before == 1 ? *swa_lr : (lrs[i] - before * *swa_lr) / (1 - before);
    lrs[i] = *swa_lr * now + first * (1 - now);
  }
}

void SWALR::save(State& state) const {
  state["_anneal_strategy"] = kAnnealNames[static_cast<std::size_t>(strategy_)];
  state["anneal_epochs"] = anneal_epochs_;
  Schedule::save(state);
}

void SWALR::load(const State& state) {
  strategy_ = static_cast<AnnealStrategy>(
      index_of(state, "_anneal_strategy", kAnnealNames, name()));
  anneal_epochs_ = state.at("anneal_epochs").as_int();
  Schedule::load(state);
}

}  // namespace bolt::optim
