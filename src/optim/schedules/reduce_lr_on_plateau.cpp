#include <torch/optim/optimizer.h>
#include <torchbolt/optim/schedules/reduce_lr_on_plateau.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "optim/check_option.h"
#include "optim/schedule_state.h"
#include "state/saved_count.h"

namespace bolt::optim {
namespace {

const std::vector<std::string_view> kModes{"min", "max"};
const std::vector<std::string_view> kThresholdModes{"rel", "abs"};

double worst(Mode mode) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  return mode == Mode::kMin ? kInf : -kInf;
}

}  // namespace

ReduceLROnPlateau::ReduceLROnPlateau(OptimizerRef optimizer,
                                     ReduceLROnPlateauOptions options)
    : optimizer_(std::move(optimizer)),
      options_(std::move(options)),
      best_(worst(options_.mode)) {
  check_option(options_.factor < 1 && options_.factor >= 0, name(), "factor",
               options_.factor, "0 to below 1");
  check_option(options_.patience >= 0, name(), "patience", options_.patience,
               "at least 0");
  check_option(options_.cooldown >= 0, name(), "cooldown", options_.cooldown,
               "at least 0");
  check_finite(options_.threshold, name(), "threshold");
  check_finite(options_.eps, name(), "eps");
  options_.min_lr.values(optimizer_->param_groups().size(), name(), "min_lr");
  note_lrs();
}

void ReduceLROnPlateau::step(double metric) {
  ++last_epoch_;
  if (is_better(metric)) {
    best_ = metric;
    num_bad_epochs_ = 0;
  } else {
    ++num_bad_epochs_;
  }
  if (in_cooldown()) {
    --cooldown_counter_;
    num_bad_epochs_ = 0;
  }
  if (num_bad_epochs_ > options_.patience) {
    reduce();
    cooldown_counter_ = options_.cooldown;
    num_bad_epochs_ = 0;
  }
  note_lrs();
}

bool ReduceLROnPlateau::is_better(double metric) const {
  const bool relative = options_.threshold_mode == ThresholdMode::kRel;
  if (options_.mode == Mode::kMin) {
    return metric < (relative ? best_ * (1.0 - options_.threshold)
                              : best_ - options_.threshold);
  }
  return metric > (relative ? best_ * (options_.threshold + 1.0)
                            : best_ + options_.threshold);
}

void ReduceLROnPlateau::reduce() {
  auto& groups = optimizer_->param_groups();
  for (std::size_t i = 0; i < groups.size(); ++i) {
    auto& group = groups[i].options();
    const double next =
        std::max(group.get_lr() * options_.factor, options_.min_lr.at(i));
    if (group.get_lr() - next > options_.eps) group.set_lr(next);
  }
}

void ReduceLROnPlateau::note_lrs() {
  last_lr_.clear();
  for (const auto& group : optimizer_->param_groups()) {
    last_lr_.push_back(group.options().get_lr());
  }
}

State ReduceLROnPlateau::state() const {
  const PerGroup& min_lr = options_.min_lr;
  const auto text = [](const auto& names, auto value) {
    return State(names[static_cast<std::size_t>(value)]);
  };
  return State::map(
      {{"factor", options_.factor},
       {"default_min_lr", min_lr.single() ? State(min_lr.at(0)) : State()},
       {"min_lrs", list_of(min_lr.values(last_lr_.size(), name(), "min_lr"))},
       {"patience", options_.patience},
       {"cooldown", options_.cooldown},
       {"eps", options_.eps},
       {"last_epoch", last_epoch_},
       {"_last_lr", list_of(last_lr_)},
       {"mode_worse", worst(options_.mode)},
       {"mode", text(kModes, options_.mode)},
       {"threshold", options_.threshold},
       {"threshold_mode", text(kThresholdModes, options_.threshold_mode)},
       {"best", best_},
       {"cooldown_counter", cooldown_counter_},
       {"num_bad_epochs", num_bad_epochs_}});
}

void ReduceLROnPlateau::load_state(const State& state) {
  check_is_map(state, name());
  const std::size_t count = optimizer_->param_groups().size();
  ReduceLROnPlateau next = *this;
  ReduceLROnPlateauOptions& options = next.options_;
  options.factor = state.at("factor").as_double();
  const State& single = state.at("default_min_lr");
  options.min_lr = single.is_none()
                       ? PerGroup(doubles(state, "min_lrs", count, name()))
                       : PerGroup(single.as_double());
  options.patience = state.at("patience").as_int();
  options.cooldown = state.at("cooldown").as_int();
  options.eps = state.at("eps").as_double();
  options.mode = static_cast<Mode>(index_of(state, "mode", kModes, name()));
  options.threshold = state.at("threshold").as_double();
  options.threshold_mode = static_cast<ThresholdMode>(
      index_of(state, "threshold_mode", kThresholdModes, name()));
  const auto count_of = [&](const char* key) {
    return detail::saved_count(state.at(key), key, -1);
  };
  next.last_epoch_ = count_of("last_epoch");
  next.last_lr_ = group_rates(state, "_last_lr", count, last_lr_, name());
  next.best_ = state.at("best").as_double();
  next.cooldown_counter_ = count_of("cooldown_counter");
  next.num_bad_epochs_ = count_of("num_bad_epochs");
  *this = std::move(next);
}

}  // namespace bolt::optim
