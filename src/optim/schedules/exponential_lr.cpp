#include <torchbolt/optim/schedules/exponential_lr.h>

#include <cmath>
#include <utility>

#include "optim/check_option.h"

namespace bolt::optim {

ExponentialLR::ExponentialLR(OptimizerRef optimizer,
                             ExponentialLROptions options)
    : Schedule(std::move(optimizer), options.last_epoch),
      gamma_(options.gamma.value_or(1)) {
  check_given(options.gamma.has_value(), name(), "gamma", ".gamma = 0.95");
  check_finite(gamma_, name(), "gamma");
  initial_step();
}

void ExponentialLR::get_lr(std::vector<double>& lrs) {
  if (is_initial()) return;
  for (double& lr : lrs) lr *= gamma_;
}

void ExponentialLR::get_closed_form_lr(std::vector<double>& lrs) {
  const double factor = std::pow(gamma_, static_cast<double>(last_epoch()));
  for (std::size_t i = 0; i < lrs.size(); ++i) lrs[i] = base_lrs()[i] * factor;
}

void ExponentialLR::save(State& state) const {
  state["gamma"] = gamma_;
  Schedule::save(state);
}

void ExponentialLR::load(const State& state) {
  gamma_ = state.at("gamma").as_double();
  Schedule::load(state);
}

}  // namespace bolt::optim
