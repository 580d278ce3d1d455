#include <torch/optim/optimizer.h>
#include <torchbolt/core/error.h>
#include <torchbolt/optim/schedules/sequential_lr.h>

#include <algorithm>
#include <string>
#include <utility>

#include "optim/schedule_state.h"

namespace bolt::optim {

SequentialLR::SequentialLR(OptimizerRef optimizer, SequentialLROptions options)
    : CompositeSchedule(std::move(optimizer), std::move(options.schedulers),
                        "SequentialLR"),
      milestones_(std::move(options.milestones)) {
  if (milestones_.size() + 1 != size()) {
    throw ConfigError({.where = std::string(name()),
                       .what = "each schedule but the first has one milestone",
                       .got = std::to_string(milestones_.size()) +
                              " milestones for " + std::to_string(size()) +
                              " schedules",
                       .expected = std::to_string(size() - 1)});
  }
  check_milestones(milestones_, name());
  set_last_epoch(options.last_epoch + 1);
  // All of them made their first step already. Only the first one is due.
  set_lrs(base_lrs());
  undo();
  const auto passed = std::count_if(milestones_.begin(), milestones_.end(),
                                    [](int64_t m) { return m <= 0; });
  begin_part(static_cast<std::size_t>(passed));
  note_lrs();
}

void SequentialLR::step() {
  set_last_epoch(last_epoch() + 1);
  const auto after =
      std::upper_bound(milestones_.begin(), milestones_.end(), last_epoch());
  const auto index = static_cast<std::size_t>(after - milestones_.begin());
  if (index > 0 && milestones_[index - 1] == last_epoch()) {
    restart_part(index);
  } else {
    part(index).step();
  }
  note_lrs();
}

// Python undoes the parts only, and so counts a sequence in a sequence from 1.
void SequentialLR::undo() {
  for (std::size_t k = 0; k < size(); ++k) undo_part(k);
}

// Python can't do that.
void SequentialLR::restart() {
  set_last_epoch(0);
  const auto passed = std::count_if(milestones_.begin(), milestones_.end(),
                                    [](int64_t m) { return m <= 0; });
  restart_part(static_cast<std::size_t>(passed));
  note_lrs();
}

void SequentialLR::save(State& state) const {
  state["_milestones"] = State::list({milestones_.begin(), milestones_.end()});
  state["last_epoch"] = last_epoch();
  state["_last_lr"] = list_of(last_lr());
  state["_schedulers"] = part_states();
}

void SequentialLR::load(const State& state) {
  std::vector<int64_t> milestones;
  for (const State& milestone : state.at("_milestones").items()) {
    milestones.push_back(milestone.as_int());
  }
  if (milestones.size() != milestones_.size()) {
    throw CheckpointError({.where = std::string(name()),
                           .what = "the state has other milestones",
                           .got = std::to_string(milestones.size()),
                           .expected = std::to_string(milestones_.size())});
  }
  const int64_t epoch = state.at("last_epoch").as_int();
  set_last_lr(group_rates(state, "_last_lr", target().param_groups().size(),
                          last_lr(), name()));
  load_parts(state);
  milestones_ = std::move(milestones);
  set_last_epoch(epoch);
}

}  // namespace bolt::optim
