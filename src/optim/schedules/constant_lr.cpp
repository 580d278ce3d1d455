#include <torchbolt/optim/schedules/constant_lr.h>

#include <utility>

#include "optim/check_option.h"
#include "optim/schedule_state.h"

namespace bolt::optim {

ConstantLR::ConstantLR(OptimizerRef optimizer, ConstantLROptions options)
    : Schedule(std::move(optimizer), options.last_epoch), options_(options) {
  check_option(options.factor > 0 && options.factor <= 1, name(), "factor",
               options.factor, "above 0, at most 1",
               "a small one; the rate can't come back from 0");
  check_option(options.total_iters >= 1, name(), "total_iters",
               options.total_iters, "at least 1");
  initial_step();
}

void ConstantLR::get_lr(std::vector<double>& lrs) {
  if (last_epoch() == 0) {
    for (double& lr : lrs) lr *= options_.factor;
  } else if (last_epoch() == options_.total_iters) {
    for (double& lr : lrs) lr *= 1.0 / options_.factor;
  }
}

void ConstantLR::get_closed_form_lr(std::vector<double>& lrs) {
  const double rest =
      last_epoch() >= options_.total_iters ? 1 - options_.factor : 0;
  for (std::size_t i = 0; i < lrs.size(); ++i) {
    lrs[i] = base_lrs()[i] * (options_.factor + rest);
  }
}

void ConstantLR::save(State& state) const {
  state["factor"] = options_.factor;
  state["total_iters"] = options_.total_iters;
  Schedule::save(state);
}

void ConstantLR::load(const State& state) {
  options_.factor = state.at("factor").as_double();
  options_.total_iters = positive(state, "total_iters", name());
  Schedule::load(state);
}

}  // namespace bolt::optim
