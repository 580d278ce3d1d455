#include <torchbolt/optim/schedules/cosine_annealing_lr.h>

#include <cmath>
#include <numbers>
#include <utility>

#include "optim/check_option.h"
#include "optim/schedule_state.h"

namespace bolt::optim {

using std::numbers::pi;

CosineAnnealingLR::CosineAnnealingLR(OptimizerRef optimizer,
                                     CosineAnnealingLROptions options)
    : Schedule(std::move(optimizer), options.last_epoch), options_(options) {
  check_option(options.t_max >= 1, name(), "t_max", options.t_max,
               "at least 1");
  check_finite(options_.eta_min, name(), "eta_min");
  initial_step();
}

void CosineAnnealingLR::get_lr(std::vector<double>& lrs) {
  if (is_initial()) return;
  const double low = options_.eta_min;
  const auto t_max = static_cast<double>(options_.t_max);
  const auto epoch = static_cast<double>(last_epoch());
  if (step_count() == 1 && last_epoch() > 0) {
    get_closed_form_lr(lrs);
  } else if ((last_epoch() - 1) % options_.t_max == 0 &&
             (last_epoch() - 1) / options_.t_max % 2 == 1) {
    // Up again from the lowest rate, where the quotient below is 0 / 0.
    for (std::size_t i = 0; i < lrs.size(); ++i) {
      lrs[i] += (base_lrs()[i] - low) * (1 - std::cos(pi / t_max)) / 2;
    }
  } else {
    const double now = 1 + std::cos(pi * epoch / t_max);
    const double before = 1 + std::cos(pi * (epoch - 1) / t_max);
    for (double& lr : lrs) lr = now / before * (lr - low) + low;
  }
}

void CosineAnnealingLR::get_closed_form_lr(std::vector<double>& lrs) {
  const double low = options_.eta_min;
  const double angle = pi * static_cast<double>(last_epoch()) /
                       static_cast<double>(options_.t_max);
  for (std::size_t i = 0; i < lrs.size(); ++i) {
    lrs[i] = low + (base_lrs()[i] - low) * (1 + std::cos(angle)) / 2;
  }
}

void CosineAnnealingLR::save(State& state) const {
  state["T_max"] = options_.t_max;
  state["eta_min"] = options_.eta_min;
  Schedule::save(state);
}

void CosineAnnealingLR::load(const State& state) {
  options_.t_max = positive(state, "T_max", name());
  options_.eta_min = state.at("eta_min").as_double();
  Schedule::load(state);
}

}  // namespace bolt::optim
