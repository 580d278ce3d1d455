#include <torchbolt/core/error.h>
#include <torchbolt/optim/schedules/composite_schedule.h>

#include <algorithm>
#include <string>
#include <utility>

namespace bolt::optim {
namespace {

std::vector<SharedSchedule> checked(std::vector<SharedSchedule> parts,
                                    const torch::optim::Optimizer* optimizer,
                                    std::string_view where) {
  const auto refuse = [&](std::string what, std::string tip) {
    throw ConfigError({.where = std::string(where),
                       .what = std::move(what),
                       .tip = std::move(tip)});
  };
  if (parts.empty()) refuse("there are no schedules", "set .schedulers");
  for (std::size_t k = 0; k < parts.size(); ++k) {
    const Schedule* part = parts[k].get();
    std::string which = "schedule " + std::to_string(k);
    if (part == nullptr) {
      refuse(which + " is a null pointer", "make it first");
    }
    which += " (" + std::string(part->name()) + ")";
    if (part->optimizer() != optimizer) {
      refuse(which + " belongs to another optimizer",
             "make all of them with the same optimizer");
    }
    if (part->needs_total_steps()) {
      refuse(which + " doesn't know how many steps there are",
             "set its .total_steps; the Trainer tells it only to a schedule "
             "that is no part of another");
    }
  }
  return parts;
}

}  // namespace

CompositeSchedule::CompositeSchedule(OptimizerRef optimizer,
                                     std::vector<SharedSchedule> parts,
                                     std::string_view where)
    : Schedule(std::move(optimizer)),
      parts_(checked(std::move(parts), this->optimizer(), where)) {
  note_lrs();
  if (extras().shared()) return;
  if (const std::vector<double> lrs = rates_before(); !lrs.empty()) {
    for (const SharedSchedule& part : parts_) {
      rebased_ = rebased_ || part->base_lrs() != lrs;
    }
    CompositeSchedule::rebase(lrs);
  }
}

// The parts were made one after the other, in whatever order: what each found,
// the one before it had left. So of all that was found (now, too), all but one
// was left by a part, and that one was there before. None when somebody else
// set rates in between.
std::vector<double> CompositeSchedule::rates_before() const {
  std::vector<std::vector<double>> found{last_lr()};
  for (const SharedSchedule& part : parts_) found.push_back(part->found_lrs_);
  for (const SharedSchedule& part : parts_) {
    const auto left = std::find(found.begin(), found.end(), part->last_lr());
    if (left == found.end()) return {};
    found.erase(left);
  }
  return found.front();
}

void CompositeSchedule::rebase(const std::vector<double>& lrs) {
  Schedule::rebase(lrs);
  for (const SharedSchedule& part : parts_) part->rebase(lrs);
}

State CompositeSchedule::part_states() const {
  State states = State::list();
  for (const SharedSchedule& part : parts_) states.push_back(part->state());
  return states;
}

void CompositeSchedule::load_parts(const State& state) {
  const std::vector<State>& states = state.at("_schedulers").items();
  if (states.size() != parts_.size()) {
    throw CheckpointError({.where = std::string(name()),
                           .what = "the state has another number of schedules",
                           .got = std::to_string(states.size()),
                           .expected = std::to_string(parts_.size())});
  }
  for (std::size_t k = 0; k < states.size(); ++k) {
    parts_[k]->load_state(states[k]);
  }
}

}  // namespace bolt::optim
