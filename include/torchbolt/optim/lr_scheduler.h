#pragma once

#include <torchbolt/export.h>
#include <torchbolt/optim/schedule.h>
#include <torchbolt/optim/schedules/reduce_lr_on_plateau.h>
#include <torchbolt/state/state.h>

#include <concepts>
#include <memory>
#include <string>
#include <utility>
#include <variant>

namespace torch::optim {
class LRScheduler;
class Optimizer;
class ReduceLROnPlateauScheduler;
}  // namespace torch::optim

namespace bolt {

/// A learning-rate schedule as the loops see it: one of `bolt::optim`'s, or of
/// `torch::optim`'s, by value or shared. Made implicitly. Copies are handles of
/// the same schedule. Not thread-safe.
///
///     bolt::LRScheduler one = bolt::optim::StepLR(sgd, {.step_size = 10});
///     bolt::LRScheduler other = torch::optim::StepLR(*sgd, 10, 0.5);
///
/// torch's C++ schedulers have no state, don't tell whose rates they set, and
/// make their first step when they are stepped first; ours are Python's.
class TORCHBOLT_API LRScheduler {
 public:
  /// A schedule by value.
  template <class S>
    requires std::derived_from<S, optim::Schedule> ||
             std::derived_from<S, optim::ReduceLROnPlateau> ||
             std::derived_from<S, torch::optim::LRScheduler> ||
             std::derived_from<S, torch::optim::ReduceLROnPlateauScheduler>
  LRScheduler(S schedule)
      : LRScheduler(std::make_shared<S>(std::move(schedule))) {}
  /// A schedule that is shared with the user. Throws ConfigError for a null
  /// pointer.
  template <std::derived_from<optim::Schedule> S>
  LRScheduler(std::shared_ptr<S> schedule) : object_(std::move(schedule)) {
    check();
  }
  /// The same.
  template <std::derived_from<optim::ReduceLROnPlateau> S>
  LRScheduler(std::shared_ptr<S> schedule) : object_(std::move(schedule)) {
    check();
  }
  /// The same.
  template <std::derived_from<torch::optim::LRScheduler> S>
  LRScheduler(std::shared_ptr<S> schedule) : object_(std::move(schedule)) {
    check();
  }
  /// The same.
  template <std::derived_from<torch::optim::ReduceLROnPlateauScheduler> S>
  LRScheduler(std::shared_ptr<S> schedule) : object_(std::move(schedule)) {
    check();
  }

  /// "StepLR", …: the name of the class.
  std::string name() const;
  /// One step. Throws ConfigError when it needs a metric.
  void step();
  /// One step with a metric; a schedule that needs none doesn't look at it.
  void step(double metric);
  /// Whether it goes by a metric: `LRSchedulerConfig::monitor`.
  bool needs_metric() const;
  /// Whose rates it sets; null where that isn't known (torch's).
  const torch::optim::Optimizer* optimizer() const;

  /// Whether it has state; torch's have none.
  bool has_state() const;
  /// As in Python's `state_dict()`. Throws ConfigError where there is none.
  State state() const;
  /// Takes what `state()` gave. Throws CheckpointError, and changes nothing,
  /// when the state is of something else; ConfigError where there is none.
  void load_state(const State& state);

  /// Whether it waits for the number of its steps; see `optim::WarmupLR`.
  bool needs_total_steps() const;
  /// Says how many steps there will be; the Trainer does.
  void set_total_steps(int64_t steps);

  /// The schedule itself where it is an `S`, else null.
  template <class S>
  S* as() const {
    return std::visit(
        []<class B>(const std::shared_ptr<B>& object) -> S* {
          if constexpr (std::derived_from<S, B>) {
            return dynamic_cast<S*>(object.get());
          } else {
            return nullptr;
          }
        },
        object_);
  }

 private:
  void check() const;

  // Shared with the user, and with copies of the handle.
  std::variant<std::shared_ptr<optim::Schedule>,
               std::shared_ptr<optim::ReduceLROnPlateau>,
               std::shared_ptr<torch::optim::LRScheduler>,
               std::shared_ptr<torch::optim::ReduceLROnPlateauScheduler>>
      object_;
};

}  // namespace bolt
