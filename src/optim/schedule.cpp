#include <torch/optim/optimizer.h>
#include <torchbolt/core/error.h>
#include <torchbolt/optim/schedule.h>

#include <string>
#include <utility>

#include "optim/schedule_state.h"

namespace bolt::optim {

Schedule::Schedule(OptimizerRef optimizer, int64_t last_epoch)
    : optimizer_(std::move(optimizer)),
      extras_(*optimizer_),
      last_epoch_(last_epoch) {
  constexpr int64_t kMost = int64_t{1} << 53;  // still exact as a double
  if (last_epoch < -1 || last_epoch > kMost) {
    throw ConfigError({.where = "last_epoch",
                       .what = "it is out of range",
                       .got = std::to_string(last_epoch),
                       .expected = "-1 for a schedule that begins, or the "
                                   "epoch to go on from"});
  }
  const auto& groups = optimizer_->param_groups();
  for (std::size_t i = 0; i < groups.size(); ++i) {
    std::optional<double> initial = extras_.find(i, "initial_lr");
    found_lrs_.push_back(groups[i].options().get_lr());
    if (!initial && last_epoch != -1) {
      throw ConfigError(
          {.where = "last_epoch",
           .what = "the initial rate of parameter group " + std::to_string(i) +
                   " is not known",
           .got = std::to_string(last_epoch),
           .expected = "-1 for a schedule that begins",
           .tip = "load the schedule's state; or use an optimizer of "
                  "bolt::optim, and load its state or set "
                  "extras(group)[\"initial_lr\"]"});
    }
    if (!initial) {
      initial = groups[i].options().get_lr();
      extras_.set(i, "initial_lr", *initial);
    }
    base_lrs_.push_back(*initial);
  }
}

void Schedule::initial_step() {
  step_count_ = 0;
  is_initial_ = true;
  step();
  is_initial_ = false;
}

void Schedule::step() {
  ++step_count_;
  ++last_epoch_;
  update(false);
}

void Schedule::restart() {
  last_epoch_ = 0;
  update(true);
}

void Schedule::update(bool closed_form) {
  note_lrs();
  for (std::size_t i = base_lrs_.size(); i < last_lr_.size(); ++i) {
    extras_.set(i, "initial_lr", last_lr_[i]);
    base_lrs_.push_back(last_lr_[i]);
  }
  if (closed_form) {
    get_closed_form_lr(last_lr_);
  } else {
    get_lr(last_lr_);
  }
  set_lrs(last_lr_);
}

void Schedule::set_lrs(const std::vector<double>& lrs) {
  auto& groups = optimizer_->param_groups();
  for (std::size_t i = 0; i < groups.size(); ++i) {
    groups[i].options().set_lr(lrs[i]);
  }
}

void Schedule::rebase(const std::vector<double>& lrs) {
  base_lrs_ = lrs;
  found_lrs_ = lrs;
  for (std::size_t i = 0; i < lrs.size(); ++i) {
    extras_.set(i, "initial_lr", lrs[i]);
  }
}

void Schedule::note_lrs() {
  const auto& groups = std::as_const(*optimizer_).param_groups();
  last_lr_.resize(groups.size());
  for (std::size_t i = 0; i < groups.size(); ++i) {
    last_lr_[i] = groups[i].options().get_lr();
  }
}

State Schedule::state() const {
  State state = State::map();
  save(state);
  return state;
}

void Schedule::load_state(const State& state) {
  check_is_map(state, name());
  const State before = this->state();
  try {
    load(state);
  } catch (...) {
    load(before);
    throw;
  }
}

void Schedule::save(State& state) const {
  state["base_lrs"] = list_of(base_lrs_);
  state["last_epoch"] = last_epoch_;
  state["_step_count"] = step_count_;
  // Both are true only while Python's step runs.
  state["_is_initial"] = false;
  state["_get_lr_called_within_step"] = false;
  state["_last_lr"] = list_of(last_lr_);
}

void Schedule::load(const State& state) {
  const std::size_t groups = optimizer_->param_groups().size();
  base_lrs_ = group_rates(state, "base_lrs", groups, base_lrs_, name());
  last_lr_ = group_rates(state, "_last_lr", groups, last_lr_, name());
  last_epoch_ = state.at("last_epoch").as_int();
  step_count_ = state.at("_step_count").as_int();
}

}  // namespace bolt::optim
