#include <torchbolt/core/error.h>
#include <torchbolt/core/log.h>
#include <torchbolt/optim/schedules/warmup_lr.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "optim/anneal.h"
#include "optim/check_option.h"
#include "optim/schedule_state.h"

namespace bolt::optim {
namespace {

constexpr std::string_view kName = "WarmupLR";

void check_share(std::optional<double> share, std::string_view field) {
  if (share)
    check_option(*share >= 0 && *share <= 1, kName, field, *share, "0 to 1");
}

void check_one(bool both, const std::string& steps, const std::string& ratio) {
  if (!both) return;
  throw ConfigError({.where = std::string(kName),
                     .what = steps + " and " + ratio + " say the same thing",
                     .tip = "set one of them"});
}

int64_t share_of(double share, int64_t steps) {
  // All of the largest number wouldn't fit: as a double it is rounded up.
  return share == 1 ? steps : std::llround(share * static_cast<double>(steps));
}

void check(const WarmupLROptions& o) {
  check_option(o.warmup_steps >= 0, kName, "warmup_steps", o.warmup_steps,
               "at least 0");
  check_share(o.warmup_ratio, "warmup_ratio");
  check_one(o.warmup_steps > 0 && o.warmup_ratio, "warmup_steps",
            "warmup_ratio");
  const int64_t decay_steps = o.decay_steps.value_or(0);
  check_option(decay_steps >= 0, kName, "decay_steps", decay_steps,
               "at least 0");
  check_share(o.decay_ratio, "decay_ratio");
  check_one(o.decay_steps && o.decay_ratio, "decay_steps", "decay_ratio");
  check_option(o.warmup_ratio.value_or(0) + o.decay_ratio.value_or(0) <= 1,
               kName, "decay_ratio", o.decay_ratio.value_or(0),
               "at most what the warm-up leaves of 1");
  check_share(o.start_factor, "start_factor");
  check_share(o.end_factor, "end_factor");
  if (!o.total_steps) return;
  const int64_t total = *o.total_steps;
  check_option(total >= 1, kName, "total_steps", total, "at least 1");
  const int64_t warmup =
      o.warmup_ratio ? share_of(*o.warmup_ratio, total) : o.warmup_steps;
  check_option(
      warmup <= total, kName, "total_steps", total,
      "at least " + std::to_string(warmup) + ": the warm-up alone is as long");
  // Shares are rounded; the decay's gives way.
  check_option(decay_steps <= total - warmup, kName, "total_steps", total,
               "more: warm-up and decay take " + std::to_string(warmup) +
                   " and " + std::to_string(decay_steps) + " steps");
}

}  // namespace

WarmupLR::WarmupLR(OptimizerRef optimizer, WarmupLROptions options)
    : Schedule(std::move(optimizer)), options_(options) {
  check(options_);
  if (options_.total_steps) begin();
}

void WarmupLR::begin() {
  const int64_t total = *options_.total_steps;
  warmup_steps_ = options_.warmup_ratio
                      ? share_of(*options_.warmup_ratio, total)
                      : options_.warmup_steps;
  const int64_t rest = std::max<int64_t>(total - warmup_steps_, 0);
  decay_steps_ = std::min(rest, options_.decay_ratio
                                    ? share_of(*options_.decay_ratio, total)
                                    : options_.decay_steps.value_or(rest));
  initial_step();
}

// A short run of a long one's settings, to try it, is no error.
void WarmupLR::set_total_steps(int64_t steps) {
  check_option(steps >= 1, name(), "total_steps", steps, "at least 1");
  options_.total_steps = steps;
  begin();
  if (warmup_steps_ < steps) return;
  log_warning("[WarmupLR] the warm-up of " + std::to_string(warmup_steps_) +
              " steps doesn't end in a run of " + std::to_string(steps));
}

void WarmupLR::step() {
  if (needs_total_steps()) {
    throw ConfigError(
        {.where = std::string(name()),
         .what = "it doesn't know how many steps there are",
         .tip = "set .total_steps; only a Trainer's fit can count them"});
  }
  Schedule::step();
}

double WarmupLR::factor() const {
  const auto& o = options_;
  const int64_t t = last_epoch();
  if (t < warmup_steps_) {
    return o.start_factor + (1 - o.start_factor) * static_cast<double>(t) /
                                static_cast<double>(warmup_steps_);
  }
  const int64_t into = t - (*o.total_steps - decay_steps_);
  if (decay_steps_ == 0 || into <= 0) return 1;
  const double share = std::min(
      1.0, static_cast<double>(into) / static_cast<double>(decay_steps_));
  return anneal(decay(), 1, o.end_factor, share);
}

void WarmupLR::get_lr(std::vector<double>& lrs) {
  const double by = factor();
  for (std::size_t i = 0; i < lrs.size(); ++i) lrs[i] = base_lrs()[i] * by;
}

void WarmupLR::save(State& state) const {
  const auto& o = options_;
  state["total_steps"] = o.total_steps ? State(*o.total_steps) : State();
  state["warmup_steps"] = warmup_steps_;
  state["decay_steps"] = decay_steps_;
  state["decay"] = kAnnealNames[static_cast<std::size_t>(decay())];
  state["start_factor"] = o.start_factor;
  state["end_factor"] = o.end_factor;
  Schedule::save(state);
}

void WarmupLR::load(const State& state) {
  const State& total = state.at("total_steps");
  if (total.is_none()) {
    options_.total_steps.reset();
  } else {
    options_.total_steps = positive(state, "total_steps", name());
  }
  warmup_steps_ = state.at("warmup_steps").as_int();
  decay_steps_ = state.at("decay_steps").as_int();
  options_.decay = static_cast<AnnealStrategy>(
      index_of(state, "decay", kAnnealNames, name()));
  options_.start_factor = state.at("start_factor").as_double();
  options_.end_factor = state.at("end_factor").as_double();
  Schedule::load(state);
}

}  // namespace bolt::optim
