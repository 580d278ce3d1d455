#include <torchbolt/trainer/progress.h>

#include "state/saved_count.h"

namespace bolt {
namespace {

State counts_state(const Counts& counts, CountKinds kinds) {
  State state = State::map();
  state["ready"] = counts.ready;
  if (kinds != CountKinds::kReadyCompleted) state["started"] = counts.started;
  if (kinds == CountKinds::kAll) state["processed"] = counts.processed;
  state["completed"] = counts.completed;
  return state;
}

int64_t count_of(const State& state, const char* key) {
  return detail::saved_count(state.at(key), key);
}

Counts counts_of(const State& state, CountKinds kinds) {
  Counts counts;
  counts.ready = count_of(state, "ready");
  if (kinds != CountKinds::kReadyCompleted) {
    counts.started = count_of(state, "started");
  }
  if (kinds == CountKinds::kAll) {
    counts.processed = count_of(state, "processed");
  }
  counts.completed = count_of(state, "completed");
  return counts;
}

}  // namespace

void Progress::reset_current_to_completed() {
  current.ready = current.completed;
  current.started = current.completed;
  current.processed = current.completed;
}

State Progress::state() const {
  State state = State::map();
  state["total"] = counts_state(total, kinds);
  state["current"] = counts_state(current, kinds);
  return state;
}

void Progress::load_state(const State& state) {
  total = counts_of(state.at("total"), kinds);
  current = counts_of(state.at("current"), kinds);
}

State BatchProgress::state() const {
  State state = counts.state();
  state["is_last_batch"] = is_last_batch;
  return state;
}

void BatchProgress::load_state(const State& state) {
  counts.load_state(state);
  is_last_batch = state.at("is_last_batch").as_bool();
}

// Keys: Lightning's fit loop, as its checkpoints have them.
State FitProgress::state() const {
  State state = State::map();
  state["state_dict"] = State::map();
  state["epoch_loop.state_dict"] =
      State::map({{"_batches_that_stepped", batches_that_stepped}});
  state["epoch_loop.batch_progress"] = batches.state();
  state["epoch_loop.scheduler_progress"] = schedulers.state();
  state["epoch_loop.automatic_optimization.state_dict"] = State::map();
  State optimizer = State::map();
  optimizer["step"] = optimizer_steps.state();
  optimizer["zero_grad"] = zero_grads.state();
  state["epoch_loop.automatic_optimization.optim_progress"] =
      State::map({{"optimizer", optimizer}});
  state["epoch_loop.manual_optimization.state_dict"] = State::map();
  state["epoch_loop.manual_optimization.optim_step_progress"] =
      manual_steps.state();
  state["epoch_loop.val_loop.state_dict"] = State::map();
  state["epoch_loop.val_loop.batch_progress"] = validation.state();
  state["epoch_progress"] = epochs.state();
  return state;
}

void FitProgress::load_state(const State& state) {
  batches_that_stepped =
      count_of(state.at("epoch_loop.state_dict"), "_batches_that_stepped");
  batches.load_state(state.at("epoch_loop.batch_progress"));
  schedulers.load_state(state.at("epoch_loop.scheduler_progress"));
  const State& optimizer =
      state.at("epoch_loop.automatic_optimization.optim_progress")
          .at("optimizer");
  optimizer_steps.load_state(optimizer.at("step"));
  zero_grads.load_state(optimizer.at("zero_grad"));
  manual_steps.load_state(
      state.at("epoch_loop.manual_optimization.optim_step_progress"));
  validation.load_state(state.at("epoch_loop.val_loop.batch_progress"));
  epochs.load_state(state.at("epoch_progress"));
}

}  // namespace bolt
