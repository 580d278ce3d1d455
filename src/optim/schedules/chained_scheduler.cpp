#include <torchbolt/optim/schedules/chained_scheduler.h>

#include <utility>

#include "optim/composite.h"
#include "optim/schedule_state.h"

namespace bolt::optim {

ChainedScheduler::ChainedScheduler(OptimizerRef optimizer,
                                   ChainedSchedulerOptions options)
    : Schedule(std::move(optimizer)),
      schedulers_(std::move(options.schedulers)) {
  check_parts(schedulers_, this->optimizer(), name());
  set_last_epoch(0);
  note_lrs();
}

void ChainedScheduler::step() {
  set_last_epoch(last_epoch() + 1);
  for (const SharedSchedule& schedule : schedulers_) schedule->step();
  note_lrs();
}

void ChainedScheduler::undo() {
  Schedule::undo();
  for (const SharedSchedule& schedule : schedulers_) schedule->undo();
}

// Python can't do that: it begins all parts where a SequentialLR begins this.
void ChainedScheduler::restart() {
  set_last_epoch(0);
  for (std::size_t i = 0; i < schedulers_.size(); ++i) {
    schedulers_[i]->restart();
  }
  note_lrs();
}

void ChainedScheduler::save(State& state) const {
  state["_last_lr"] = list_of(last_lr());
  state["_schedulers"] = states_of(schedulers_);
}

void ChainedScheduler::load(const State& state) {
  set_last_lr(doubles(state, "_last_lr", last_lr().size(), name()));
  load_parts(schedulers_, state, name());
}

}  // namespace bolt::optim
