#include <torch/optim/optimizer.h>
#include <torchbolt/optim/momentum.h>
#include <torchbolt/optim/schedules/cyclic_lr.h>

#include <cmath>
#include <string>
#include <utility>

#include "optim/check_option.h"
#include "optim/schedule_state.h"

namespace bolt::optim {
namespace {

constexpr std::string_view kName = "CyclicLR";

const std::vector<std::string_view> kModes{"triangular", "triangular2",
                                           "exp_range"};
const std::vector<std::string_view> kScaleModes{"cycle", "iterations"};

std::vector<double> given(const PerGroup& setting, std::size_t groups,
                          std::string_view field) {
  check_given(setting.given(), kName, field, "." + std::string(field));
  return setting.values(groups, kName, field);
}

// The optimizer, checked, and at the lowest rates: before the base looks at
// what its initial rates are.
OptimizerRef prepared(OptimizerRef optimizer, const CyclicLROptions& options) {
  auto& groups = optimizer->param_groups();
  const auto base_lrs = given(options.base_lr, groups.size(), "base_lr");
  given(options.max_lr, groups.size(), "max_lr");
  check_option(options.step_size_up >= 1, kName, "step_size_up",
               options.step_size_up, "at least 1");
  const int64_t down = options.step_size_down.value_or(1);
  check_option(down >= 1, kName, "step_size_down", down, "at least 1");
  check_finite(options.gamma, kName, "gamma");
  if (options.cycle_momentum) check_momentum(*optimizer, kName);
  for (std::size_t i = 0; i < groups.size() && options.last_epoch == -1; ++i) {
    groups[i].options().set_lr(base_lrs[i]);
  }
  return optimizer;
}

}  // namespace

CyclicLR::CyclicLR(OptimizerRef optimizer, CyclicLROptions options)
    : Schedule(prepared(std::move(optimizer), options), options.last_epoch),
      mode_(options.mode),
      gamma_(options.gamma),
      scale_fn_(std::move(options.scale_fn)),
      scale_mode_(options.scale_mode),
      cycle_momentum_(options.cycle_momentum) {
  const std::size_t count = target().param_groups().size();
  max_lrs_ = given(options.max_lr, count, "max_lr");
  const auto up = static_cast<double>(options.step_size_up);
  const auto down = static_cast<double>(
      options.step_size_down.value_or(options.step_size_up));
  total_size_ = up + down;
  step_ratio_ = up / total_size_;
  if (!scale_fn_) {
    scale_mode_ = mode_ == CyclicMode::kExpRange ? ScaleMode::kIterations
                                                 : ScaleMode::kCycle;
  }
  if (cycle_momentum_) {
    use_beta1_ = momentum_kind(target()) == MomentumKind::kBeta1;
    base_momentums_ =
        options.base_momentum.values(count, name(), "base_momentum");
    max_momentums_ = options.max_momentum.values(count, name(), "max_momentum");
    for (std::size_t i = 0; i < count && options.last_epoch == -1; ++i) {
      set_momentum(target(), i, max_momentums_[i]);
      extras().set(i, "max_momentum", max_momentums_[i]);
      extras().set(i, "base_momentum", base_momentums_[i]);
    }
  }
  // As in Python, the first step sees the initial rates of the groups, which
  // are others when an earlier schedule set them.
  initial_step();
  set_base_lrs(given(options.base_lr, count, "base_lr"));
}

double CyclicLR::scale(double cycle) const {
  const double x = scale_mode_ == ScaleMode::kCycle
                       ? cycle
                       : static_cast<double>(last_epoch());
  if (scale_fn_) return scale_fn_(x);
  switch (mode_) {
    case CyclicMode::kTriangular:
      return 1;
    case CyclicMode::kTriangular2:
      return 1 / std::pow(2.0, x - 1);
    case CyclicMode::kExpRange:
      break;
  }
  return std::pow(gamma_, x);
}

void CyclicLR::get_lr(std::vector<double>& lrs) {
  if (lrs.size() != max_lrs_.size()) {
    throw ConfigError({.where = std::string(name()),
                       .what = "the optimizer got other parameter groups",
                       .got = std::to_string(lrs.size()),
                       .expected = std::to_string(max_lrs_.size()),
                       .tip = "add all groups to the optimizer before its "
                              "schedule is made"});
  }
  const double cycles = 1 + static_cast<double>(last_epoch()) / total_size_;
  const double cycle = std::floor(cycles);
  const double x = cycles - cycle;
  const double height =
      x <= step_ratio_ ? x / step_ratio_ : (x - 1) / (step_ratio_ - 1);
  const double factor = scale(cycle);
  for (std::size_t i = 0; i < lrs.size(); ++i) {
    const double low = base_lrs()[i];
    lrs[i] = low + (max_lrs_[i] - low) * height * factor;
    if (!cycle_momentum_) continue;
    const double span = (max_momentums_[i] - base_momentums_[i]) * height;
    set_momentum(target(), i, max_momentums_[i] - span * factor);
  }
}

void CyclicLR::save(State& state) const {
  state["max_lrs"] = list_of(max_lrs_);
  state["total_size"] = total_size_;
  state["step_ratio"] = step_ratio_;
  state["mode"] = kModes[static_cast<std::size_t>(mode_)];
  state["gamma"] = gamma_;
  state["scale_mode"] = kScaleModes[static_cast<std::size_t>(scale_mode_)];
  state["cycle_momentum"] = cycle_momentum_;
  if (cycle_momentum_) {
    state["use_beta1"] = use_beta1_;
    state["base_momentums"] = list_of(base_momentums_);
    state["max_momentums"] = list_of(max_momentums_);
  }
  Schedule::save(state);
  state["_scale_fn_custom"] = State();
}

void CyclicLR::load(const State& state) {
  const std::size_t count = target().param_groups().size();
  max_lrs_ = doubles(state, "max_lrs", count, name());
  total_size_ = state.at("total_size").as_double();
  step_ratio_ = state.at("step_ratio").as_double();
  mode_ = static_cast<CyclicMode>(index_of(state, "mode", kModes, name()));
  gamma_ = state.at("gamma").as_double();
  scale_mode_ = static_cast<ScaleMode>(
      index_of(state, "scale_mode", kScaleModes, name()));
  cycle_momentum_ = state.at("cycle_momentum").as_bool();
  if (cycle_momentum_) {
    use_beta1_ = state.at("use_beta1").as_bool();
    base_momentums_ = doubles(state, "base_momentums", count, name());
    max_momentums_ = doubles(state, "max_momentums", count, name());
  }
  Schedule::load(state);
}

}  // namespace bolt::optim
