#include <torchbolt/optim/schedules/linear_lr.h>

#include <algorithm>
#include <utility>

#include "optim/check_option.h"
#include "optim/schedule_state.h"

namespace bolt::optim {

LinearLR::LinearLR(OptimizerRef optimizer, LinearLROptions options)
    : Schedule(std::move(optimizer), options.last_epoch), options_(options) {
  check_option(options.start_factor > 0 && options.start_factor <= 1, name(),
               "start_factor", options.start_factor, "above 0, at most 1");
  check_option(options.end_factor >= 0 && options.end_factor <= 1, name(),
               "end_factor", options.end_factor, "0 to 1");
  check_option(options.total_iters >= 1, name(), "total_iters",
               options.total_iters, "at least 1");
  initial_step();
}

void LinearLR::get_lr(std::vector<double>& lrs) {
  const auto& [start, end, total_iters, begin] = options_;
  if (last_epoch() == 0) {
    for (double& lr : lrs) lr *= start;
    return;
  }
  if (is_initial() || last_epoch() > total_iters) return;
  const auto total = static_cast<double>(total_iters);
  const auto done = static_cast<double>(last_epoch() - 1);
  const double factor =
      1.0 + (end - start) / (total * start + done * (end - start));
  for (double& lr : lrs) lr *= factor;
}

void LinearLR::get_closed_form_lr(std::vector<double>& lrs) {
  const auto& [start, end, total_iters, begin] = options_;
  const auto done = static_cast<double>(std::min(total_iters, last_epoch()));
  const double factor =
      start + (end - start) * done / static_cast<double>(total_iters);
  for (std::size_t i = 0; i < lrs.size(); ++i) lrs[i] = base_lrs()[i] * factor;
}

void LinearLR::save(State& state) const {
  state["start_factor"] = options_.start_factor;
  state["end_factor"] = options_.end_factor;
  state["total_iters"] = options_.total_iters;
  Schedule::save(state);
}

void LinearLR::load(const State& state) {
  options_.start_factor = state.at("start_factor").as_double();
  options_.end_factor = state.at("end_factor").as_double();
  options_.total_iters = positive(state, "total_iters", name());
  Schedule::load(state);
}

}  // namespace bolt::optim
