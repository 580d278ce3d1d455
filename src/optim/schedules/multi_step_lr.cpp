#include <torchbolt/optim/schedules/multi_step_lr.h>

#include <cmath>
#include <utility>

#include "optim/check_option.h"
#include "optim/schedule_state.h"

namespace bolt::optim {

MultiStepLR::MultiStepLR(OptimizerRef optimizer, MultiStepLROptions options)
    : Schedule(std::move(optimizer), options.last_epoch),
      gamma_(options.gamma) {
  check_milestones(options.milestones, name());
  check_finite(gamma_, name(), "gamma");
  for (const int64_t milestone : options.milestones) ++milestones_[milestone];
  initial_step();
}

void MultiStepLR::get_lr(std::vector<double>& lrs) {
  const auto found = milestones_.find(last_epoch());
  if (found == milestones_.end()) return;
  const double factor = std::pow(gamma_, static_cast<double>(found->second));
  for (double& lr : lrs) lr *= factor;
}

void MultiStepLR::get_closed_form_lr(std::vector<double>& lrs) {
  int64_t changes = 0;
  for (const auto& [milestone, count] : milestones_) {
    if (milestone <= last_epoch()) changes += count;
  }
  const double factor = std::pow(gamma_, static_cast<double>(changes));
  for (std::size_t i = 0; i < lrs.size(); ++i) lrs[i] = base_lrs()[i] * factor;
}

void MultiStepLR::save(State& state) const {
  State counts = State::map();
  for (const auto& [milestone, count] : milestones_) counts[milestone] = count;
  state["milestones"] = std::move(counts);
  state["gamma"] = gamma_;
  Schedule::save(state);
}

void MultiStepLR::load(const State& state) {
  std::map<int64_t, int64_t> milestones;
  for (const auto& [key, count] : state.at("milestones").entries()) {
    milestones[integer_key(key, "milestones", name())] = count.as_int();
  }
  milestones_ = std::move(milestones);
  gamma_ = state.at("gamma").as_double();
  Schedule::load(state);
}

}  // namespace bolt::optim
