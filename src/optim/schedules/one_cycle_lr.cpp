#include <torch/optim/optimizer.h>
#include <torchbolt/optim/momentum.h>
#include <torchbolt/optim/schedules/one_cycle_lr.h>

#include <iterator>
#include <string>
#include <utility>

#include "optim/anneal.h"
#include "optim/check_option.h"
#include "optim/schedule_state.h"

namespace bolt::optim {
namespace {

constexpr std::string_view kName = "OneCycleLR";

// The names that a state may bring; phases keep pointers to these.
constexpr const char* kExtras[] = {"initial_lr", "max_lr", "min_lr",
                                   "max_momentum", "base_momentum"};

int64_t steps_of(const OneCycleLROptions& options) {
  if (options.total_steps) {
    check_option(*options.total_steps >= 1, kName, "total_steps",
                 *options.total_steps, "at least 1");
    return *options.total_steps;
  }
  check_given(options.epochs && options.steps_per_epoch, kName, "total_steps",
              ".total_steps, or .epochs and .steps_per_epoch");
  check_option(*options.epochs >= 1, kName, "epochs", *options.epochs,
               "at least 1");
  check_option(*options.steps_per_epoch >= 1, kName, "steps_per_epoch",
               *options.steps_per_epoch, "at least 1");
  int64_t steps = 0;
  check_option(!__builtin_mul_overflow(*options.epochs,
                                       *options.steps_per_epoch, &steps),
               kName, "epochs", *options.epochs,
               "fewer, with steps_per_epoch = " +
                   std::to_string(*options.steps_per_epoch));
  return steps;
}

const char* extra_of(const State& phase, std::string_view key) {
  const std::size_t index =
      index_of(phase, key, {std::begin(kExtras), std::end(kExtras)}, kName);
  return kExtras[index];
}

}  // namespace

OneCycleLR::OneCycleLR(OptimizerRef optimizer, OneCycleLROptions options)
    : Schedule(std::move(optimizer), options.last_epoch),
      strategy_(options.anneal_strategy),
      cycle_momentum_(options.cycle_momentum) {
  check_given(options.max_lr.given(), name(), "max_lr", ".max_lr = 0.1");
  total_steps_ = steps_of(options);
  check_option(options.pct_start >= 0 && options.pct_start <= 1, name(),
               "pct_start", options.pct_start, "0 to 1");
  check_option(options.div_factor > 0, name(), "div_factor", options.div_factor,
               "above 0");
  check_option(options.final_div_factor > 0, name(), "final_div_factor",
               options.final_div_factor, "above 0");
  if (cycle_momentum_) {
    check_momentum(target(), name());
    use_beta1_ = momentum_kind(target()) == MomentumKind::kBeta1;
  }
  make_phases(options);
  if (options.last_epoch == -1) prepare_groups(options);
  initial_step();
}

void OneCycleLR::make_phases(const OneCycleLROptions& options) {
  const auto steps = static_cast<double>(total_steps_);
  const double up = options.pct_start * steps;
  phases_ = {{up - 1, "initial_lr", "max_lr", "max_momentum", "base_momentum"}};
  if (options.three_phase) {
    phases_.push_back({2 * options.pct_start * steps - 2, "max_lr",
                       "initial_lr", "base_momentum", "max_momentum"});
    phases_.push_back(
        {steps - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum"});
  } else {
    phases_.push_back(
        {steps - 1, "max_lr", "min_lr", "base_momentum", "max_momentum"});
  }
}

void OneCycleLR::prepare_groups(const OneCycleLROptions& options) {
  const std::size_t count = target().param_groups().size();
  const auto values = [&](const PerGroup& of, std::string_view field) {
    return of.values(count, name(), field);
  };
  const std::vector<double> max_lrs = values(options.max_lr, "max_lr");
  const auto highest = values(options.max_momentum, "max_momentum");
  const auto lowest = values(options.base_momentum, "base_momentum");
  std::vector<double> first;
  for (std::size_t i = 0; i < count; ++i) {
    first.push_back(max_lrs[i] / options.div_factor);
    extras().set(i, "initial_lr", first[i]);
    extras().set(i, "max_lr", max_lrs[i]);
    extras().set(i, "min_lr", first[i] / options.final_div_factor);
    if (!cycle_momentum_) continue;
    set_momentum(target(), i, highest[i]);
    extras().set(i, "max_momentum", highest[i]);
    extras().set(i, "base_momentum", lowest[i]);
  }
  set_base_lrs(std::move(first));
}

double OneCycleLR::between(std::size_t group, const char* start,
                           const char* end, double share) {
  const auto from = extras().find(group, start);
  const auto to = extras().find(group, end);
  if (from && to) return anneal(strategy_, *from, *to, share);
  throw ConfigError(
      {.where = std::string(name()),
       .what = "parameter group " + std::to_string(group) + " has no " +
               (from ? end : start),
       .tip = "add all groups to the optimizer before its schedule is made"});
}

void OneCycleLR::get_lr(std::vector<double>& lrs) {
  if (last_epoch() > total_steps_) {
    throw ConfigError(
        {.where = std::string(name()),
         .what = "it was stepped more often than its cycle is long",
         .got = std::to_string(last_epoch()) + " steps",
         .expected = "at most total_steps = " + std::to_string(total_steps_),
         .tip = "count batches, not epochs, or the reverse, in total_steps "
                "and in the schedule's interval"});
  }
  const auto step = static_cast<double>(last_epoch());
  double start = 0;
  std::size_t k = 0;
  while (k + 1 < phases_.size() && step > phases_[k].end_step) {
    start = phases_[k++].end_step;
  }
  const Phase& phase = phases_[k];
  // A phase of one step, where Python divides by zero, is over at once.
  const double length = phase.end_step - start;
  const double share = length == 0 ? 1 : (step - start) / length;
  for (std::size_t i = 0; i < lrs.size(); ++i) {
    lrs[i] = between(i, phase.start_lr, phase.end_lr, share);
    if (!cycle_momentum_) continue;
    set_momentum(target(), i,
                 between(i, phase.start_momentum, phase.end_momentum, share));
  }
}

void OneCycleLR::save(State& state) const {
  state["total_steps"] = total_steps_;
  State phases = State::list();
  for (const Phase& phase : phases_) {
    phases.push_back(State::map({{"end_step", phase.end_step},
                                 {"start_lr", phase.start_lr},
                                 {"end_lr", phase.end_lr},
                                 {"start_momentum", phase.start_momentum},
                                 {"end_momentum", phase.end_momentum}}));
  }
  state["_schedule_phases"] = std::move(phases);
  state["_anneal_func_type"] =
      kAnnealNames[static_cast<std::size_t>(strategy_)];
  state["cycle_momentum"] = cycle_momentum_;
  if (cycle_momentum_) state["use_beta1"] = use_beta1_;
  Schedule::save(state);
}

void OneCycleLR::load(const State& state) {
  total_steps_ = positive(state, "total_steps", name());
  std::vector<Phase> phases;
  for (const State& phase : state.at("_schedule_phases").items()) {
    phases.push_back({phase.at("end_step").as_double(),
                      extra_of(phase, "start_lr"), extra_of(phase, "end_lr"),
                      extra_of(phase, "start_momentum"),
                      extra_of(phase, "end_momentum")});
  }
  if (phases.empty()) {
    throw CheckpointError(
        {.where = std::string(name()), .what = "the state has no phases"});
  }
  phases_ = std::move(phases);
  strategy_ = static_cast<AnnealStrategy>(
      index_of(state, "_anneal_func_type", kAnnealNames, name()));
  cycle_momentum_ = state.at("cycle_momentum").as_bool();
  if (cycle_momentum_) use_beta1_ = state.at("use_beta1").as_bool();
  Schedule::load(state);
}

}  // namespace bolt::optim
