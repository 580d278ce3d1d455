#include <torchbolt/optim/schedules/step_lr.h>

#include <cmath>
#include <utility>

#include "optim/check_option.h"
#include "optim/schedule_state.h"

namespace bolt::optim {

StepLR::StepLR(OptimizerRef optimizer, StepLROptions options)
    : Schedule(std::move(optimizer), options.last_epoch), options_(options) {
  check_option(options.step_size >= 1, name(), "step_size", options.step_size,
               "at least 1");
  check_finite(options_.gamma, name(), "gamma");
  initial_step();
}

void StepLR::get_lr(std::vector<double>& lrs) {
  if (last_epoch() == 0 || last_epoch() % options_.step_size != 0) return;
  for (double& lr : lrs) lr *= options_.gamma;
}

void StepLR::get_closed_form_lr(std::vector<double>& lrs) {
  const auto changes = static_cast<double>(last_epoch() / options_.step_size);
  for (std::size_t i = 0; i < lrs.size(); ++i) {
    lrs[i] = base_lrs()[i] * std::pow(options_.gamma, changes);
  }
}

void StepLR::save(State& state) const {
  state["step_size"] = options_.step_size;
  state["gamma"] = options_.gamma;
  Schedule::save(state);
}

void StepLR::load(const State& state) {
  options_.step_size = positive(state, "step_size", name());
  options_.gamma = state.at("gamma").as_double();
  Schedule::load(state);
}

}  // namespace bolt::optim
