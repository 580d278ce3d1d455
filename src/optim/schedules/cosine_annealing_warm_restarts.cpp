#include <torchbolt/optim/schedules/cosine_annealing_warm_restarts.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "optim/check_option.h"
#include "optim/schedule_state.h"

namespace bolt::optim {
namespace {

int64_t times(int64_t a, int64_t b) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  return a > kMost / b ? kMost : a * b;
}

// As Python has it: an integer unless somebody stepped between two epochs.
State number(double value) {
  if (value == std::floor(value)) return static_cast<int64_t>(value);
  return value;
}

}  // namespace

CosineAnnealingWarmRestarts::CosineAnnealingWarmRestarts(
    OptimizerRef optimizer, CosineAnnealingWarmRestartsOptions options)
    : Schedule(std::move(optimizer), options.last_epoch),
      t_0_(options.t_0),
      t_mult_(options.t_mult),
      eta_min_(options.eta_min),
      t_cur_(static_cast<double>(options.last_epoch)),
      t_i_(options.t_0) {
  check_option(t_0_ >= 1, name(), "t_0", t_0_, "at least 1");
  check_option(t_mult_ >= 1, name(), "t_mult", t_mult_, "at least 1");
  check_finite(eta_min_, name(), "eta_min");
  initial_step();
}

void CosineAnnealingWarmRestarts::step() {
  if (last_epoch() < 0) {
    step(0.0);
    return;
  }
  t_cur_ += 1;
  if (t_cur_ >= static_cast<double>(t_i_)) {
    t_cur_ = std::fmod(t_cur_, static_cast<double>(t_i_));
    t_i_ = times(t_i_, t_mult_);
  }
  set_last_epoch(last_epoch() + 1);
  update(false);
}

void CosineAnnealingWarmRestarts::step(double epoch) {
  check_option(epoch >= 0 && epoch < 9e15, name(), "epoch", epoch,
               "at least 0");
  const auto first = static_cast<double>(t_0_);
  const auto ratio = static_cast<double>(t_mult_);
  if (epoch < first) {
    t_i_ = t_0_;
    t_cur_ = epoch;
  } else if (t_mult_ == 1) {
    t_cur_ = std::fmod(epoch, first);
  } else {
    const double restarts =
        std::floor(std::log(epoch / first * (ratio - 1) + 1) / std::log(ratio));
    t_cur_ = epoch - first * (std::pow(ratio, restarts) - 1) / (ratio - 1);
    t_i_ = t_0_;
    for (double k = 0; k < restarts; ++k) t_i_ = times(t_i_, t_mult_);
  }
  set_last_epoch(static_cast<int64_t>(std::floor(epoch)));
  update(false);
}

void CosineAnnealingWarmRestarts::get_lr(std::vector<double>& lrs) {
  const double angle = std::numbers::pi * t_cur_ / static_cast<double>(t_i_);
  for (std::size_t i = 0; i < lrs.size(); ++i) {
    lrs[i] = eta_min_ + (base_lrs()[i] - eta_min_) * (1 + std::cos(angle)) / 2;
  }
}

void CosineAnnealingWarmRestarts::save(State& state) const {
  state["T_0"] = t_0_;
  state["T_i"] = t_i_;
  state["T_mult"] = t_mult_;
  state["eta_min"] = eta_min_;
  state["T_cur"] = number(t_cur_);
  Schedule::save(state);
}

void CosineAnnealingWarmRestarts::load(const State& state) {
  t_0_ = positive(state, "T_0", name());
  t_i_ = positive(state, "T_i", name());
  t_mult_ = positive(state, "T_mult", name());
  eta_min_ = state.at("eta_min").as_double();
  t_cur_ = state.at("T_cur").as_double();
  Schedule::load(state);
}

}  // namespace bolt::optim
