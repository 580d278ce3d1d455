#include "optim/composite.h"

#include <torchbolt/core/error.h>

#include <string>

namespace bolt::optim {

void check_parts(const std::vector<SharedSchedule>& schedulers,
                 const torch::optim::Optimizer* optimizer,
                 std::string_view where) {
  if (schedulers.empty()) {
    throw ConfigError({.where = std::string(where),
                       .what = "there are no schedules",
                       .expected = "at least one",
                       .tip = "set .schedulers"});
  }
  for (std::size_t i = 0; i < schedulers.size(); ++i) {
    if (schedulers[i].get() == nullptr) {
      throw ConfigError(
          {.where = std::string(where),
           .what = "schedule " + std::to_string(i) + " is a null pointer"});
    }
    if (schedulers[i]->optimizer() == optimizer) continue;
    throw ConfigError({.where = std::string(where),
                       .what = "schedule " + std::to_string(i) + " (" +
                               std::string(schedulers[i]->name()) +
                               ") belongs to another optimizer",
                       .tip = "make all of them with the same optimizer"});
  }
}

State states_of(const std::vector<SharedSchedule>& schedulers) {
  State states = State::list();
  for (const SharedSchedule& schedule : schedulers) {
    states.push_back(schedule->state());
  }
  return states;
}

void load_parts(const std::vector<SharedSchedule>& schedulers,
                const State& state, std::string_view where) {
  const std::vector<State>& states = state.at("_schedulers").items();
  if (states.size() != schedulers.size()) {
    throw CheckpointError({.where = std::string(where),
                           .what = "the state has another number of schedules",
                           .got = std::to_string(states.size()),
                           .expected = std::to_string(schedulers.size())});
  }
  for (std::size_t i = 0; i < states.size(); ++i) {
    schedulers[i]->load_state(states[i]);
  }
}

}  // namespace bolt::optim
