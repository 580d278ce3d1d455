#include <torchbolt/optim/schedules/polynomial_lr.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "optim/check_option.h"
#include "optim/schedule_state.h"

namespace bolt::optim {

PolynomialLR::PolynomialLR(OptimizerRef optimizer, PolynomialLROptions options)
    : Schedule(std::move(optimizer), options.last_epoch), options_(options) {
  check_option(options.total_iters >= 1, name(), "total_iters",
               options.total_iters, "at least 1");
  check_finite(options_.power, name(), "power");
  initial_step();
}

void PolynomialLR::get_lr(std::vector<double>& lrs) {
  if (is_initial() || last_epoch() > options_.total_iters) return;
  const auto total = static_cast<double>(options_.total_iters);
  const auto epoch = static_cast<double>(last_epoch());
  const double factor = std::pow(
      (1.0 - epoch / total) / (1.0 - (epoch - 1) / total), options_.power);
  for (double& lr : lrs) lr *= factor;
}

void PolynomialLR::get_closed_form_lr(std::vector<double>& lrs) {
  const auto total = static_cast<double>(options_.total_iters);
  const auto epoch =
      static_cast<double>(std::min(options_.total_iters, last_epoch()));
  const double factor = std::pow(1.0 - epoch / total, options_.power);
  for (std::size_t i = 0; i < lrs.size(); ++i) lrs[i] = base_lrs()[i] * factor;
}

void PolynomialLR::save(State& state) const {
  state["total_iters"] = options_.total_iters;
  state["power"] = options_.power;
  Schedule::save(state);
}

void PolynomialLR::load(const State& state) {
  options_.total_iters = positive(state, "total_iters", name());
  options_.power = state.at("power").as_double();
  Schedule::load(state);
}

}  // namespace bolt::optim
