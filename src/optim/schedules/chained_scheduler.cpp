#include <torch/optim/optimizer.h>
#include <torchbolt/optim/schedules/chained_scheduler.h>

#include <utility>

#include "optim/schedule_state.h"

namespace bolt::optim {

ChainedScheduler::ChainedScheduler(OptimizerRef optimizer,
                                   ChainedSchedulerOptions options)
    : CompositeSchedule(std::move(optimizer), std::move(options.schedulers),
                        "ChainedScheduler") {
  set_last_epoch(0);
  if (rebased()) {
    set_lrs(base_lrs());
    for (std::size_t k = 0; k < size(); ++k) {
      undo_part(k);
      begin_part(k);
    }
  }
  note_lrs();
}

void ChainedScheduler::step() {
  set_last_epoch(last_epoch() + 1);
  for (std::size_t k = 0; k < size(); ++k) part(k).step();
  note_lrs();
}

void ChainedScheduler::undo() {
  Schedule::undo();
  for (std::size_t k = 0; k < size(); ++k) undo_part(k);
}

// Python can't do that: it begins all parts where a SequentialLR begins this.
void ChainedScheduler::restart() {
  set_last_epoch(0);
  for (std::size_t k = 0; k < size(); ++k) restart_part(k);
  note_lrs();
}

void ChainedScheduler::save(State& state) const {
  state["_last_lr"] = list_of(last_lr());
  state["_schedulers"] = part_states();
}

void ChainedScheduler::load(const State& state) {
  set_last_lr(group_rates(state, "_last_lr", target().param_groups().size(),
                          last_lr(), name()));
  load_parts(state);
}

}  // namespace bolt::optim
