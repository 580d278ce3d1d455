#include <torch/optim/optimizer.h>
#include <torchbolt/optim/schedules/multiplicative_lr.h>

#include <utility>

namespace bolt::optim {

MultiplicativeLR::MultiplicativeLR(OptimizerRef optimizer,
                                   MultiplicativeLROptions options)
    : Schedule(std::move(optimizer), options.last_epoch),
      lr_lambda_(std::move(options.lr_lambda)) {
  lr_lambda_.check(target().param_groups().size(), name());
  initial_step();
}

void MultiplicativeLR::get_lr(std::vector<double>& lrs) {
  if (is_initial()) return;
  for (std::size_t i = 0; i < lrs.size(); ++i) {
    lrs[i] *= lr_lambda_(i, last_epoch());
  }
}

void MultiplicativeLR::save(State& state) const {
  Schedule::save(state);
  // As in Python, functions aren't saved.
  state["lr_lambdas"] = State::list(std::vector<State>(base_lrs().size()));
}

}  // namespace bolt::optim
