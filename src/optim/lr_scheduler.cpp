#include <c10/util/Type.h>
#include <torch/optim/schedulers/lr_scheduler.h>
#include <torch/optim/schedulers/reduce_on_plateau_scheduler.h>
#include <torchbolt/core/error.h>
#include <torchbolt/optim/lr_scheduler.h>

#include <type_traits>
#include <typeinfo>

namespace bolt {
namespace {

template <class S>
constexpr bool kTorchs =
    std::is_same_v<S, torch::optim::LRScheduler> ||
    std::is_same_v<S, torch::optim::ReduceLROnPlateauScheduler>;

template <class S>
constexpr bool kPlateau =
    std::is_same_v<S, optim::ReduceLROnPlateau> ||
    std::is_same_v<S, torch::optim::ReduceLROnPlateauScheduler>;

ConfigError no_state(const std::string& name) {
  return ConfigError({.where = name,
                      .what = "torch's C++ schedulers have no state",
                      .tip = "take the schedule of that name in bolt::optim, "
                             "or ask has_state() before"});
}

}  // namespace

void LRScheduler::check() const {
  std::visit(
      [](const auto& schedule) {
        if (schedule != nullptr) return;
        throw ConfigError({.where = "LRScheduler",
                           .what = "a schedule is a null pointer",
                           .tip = "make it before it is given away"});
      },
      object_);
}

std::string LRScheduler::name() const {
  return std::visit(
      []<class S>(const std::shared_ptr<S>& schedule) {
        if constexpr (kTorchs<S>) {
          const S& known = *schedule;
          const std::string name = c10::demangle(typeid(known).name());
          return name.substr(name.rfind(':') + 1);
        } else {
          return std::string(schedule->name());
        }
      },
      object_);
}

void LRScheduler::step() {
  std::visit(
      [&]<class S>(const std::shared_ptr<S>& schedule) {
        if constexpr (kPlateau<S>) {
          throw ConfigError(
              {.where = name(),
               .what = "it was stepped without a metric to go by",
               .tip = "step(loss.item<double>()), or in a Trainer set .monitor "
                      "and call lr_scheduler_step(scheduler, metric)"});
        } else {
          schedule->step();
        }
      },
      object_);
}

void LRScheduler::step(double metric) {
  std::visit(
      [&]<class S>(const std::shared_ptr<S>& schedule) {
        if constexpr (std::is_same_v<S, optim::ReduceLROnPlateau>) {
          schedule->step(metric);
        } else if constexpr (kPlateau<S>) {
          schedule->step(static_cast<float>(metric));
        } else {
          schedule->step();
        }
      },
      object_);
}

bool LRScheduler::needs_metric() const {
  return std::visit(
      []<class S>(const std::shared_ptr<S>&) { return kPlateau<S>; }, object_);
}

const torch::optim::Optimizer* LRScheduler::optimizer() const {
  return std::visit(
      []<class S>(const std::shared_ptr<S>& schedule)
          -> const torch::optim::Optimizer* {
        if constexpr (kTorchs<S>) {
          return nullptr;
        } else {
          return schedule->optimizer();
        }
      },
      object_);
}

bool LRScheduler::has_state() const {
  return std::visit(
      []<class S>(const std::shared_ptr<S>&) { return !kTorchs<S>; }, object_);
}

State LRScheduler::state() const {
  return std::visit(
      [&]<class S>(const std::shared_ptr<S>& schedule) -> State {
        if constexpr (kTorchs<S>) {
          throw no_state(name());
        } else {
          return schedule->state();
        }
      },
      object_);
}

void LRScheduler::load_state(const State& state) {
  std::visit(
      [&]<class S>(const std::shared_ptr<S>& schedule) {
        if constexpr (kTorchs<S>) {
          throw no_state(name());
        } else {
          schedule->load_state(state);
        }
      },
      object_);
}

bool LRScheduler::needs_total_steps() const {
  const auto* schedule = as<optim::Schedule>();
  return schedule != nullptr && schedule->needs_total_steps();
}

void LRScheduler::set_total_steps(int64_t steps) {
  if (auto* schedule = as<optim::Schedule>()) schedule->set_total_steps(steps);
}

}  // namespace bolt
