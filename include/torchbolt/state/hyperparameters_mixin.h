#pragma once

#include <torchbolt/export.h>
#include <torchbolt/state/state.h>

#include <concepts>
#include <initializer_list>
#include <string>
#include <utility>

namespace bolt {

/// What modules and data modules know of their hyper-parameters. Used by one
/// thread.
class TORCHBOLT_API HyperparametersMixin {
 public:
  /// Records what the object was made from (a map), for loggers and
  /// checkpoints: `save_hyperparameters({{"lr", 1e-3}, {"width", 256}});`.
  /// Later calls add to earlier ones. `logger = false` keeps them from the
  /// loggers. Throws ConfigError when it is no map.
  void save_hyperparameters(
      std::initializer_list<std::pair<std::string, State>> params,
      bool logger = true);
  template <std::same_as<State> S>
  void save_hyperparameters(S params, bool logger = true) {
    add_hyperparameters(std::move(params), logger);
  }
  /// The hyper-parameters now, to read and to change: what checkpoints get.
  State& hparams() { return hparams_; }
  const State& hparams() const { return hparams_; }
  /// The hyper-parameters as they were saved: what loggers get.
  const State& hparams_initial() const { return hparams_initial_; }

 protected:
  HyperparametersMixin() = default;
  HyperparametersMixin(const HyperparametersMixin&) = default;
  HyperparametersMixin(HyperparametersMixin&&) = default;
  HyperparametersMixin& operator=(const HyperparametersMixin&) = default;
  HyperparametersMixin& operator=(HyperparametersMixin&&) = default;
  ~HyperparametersMixin() = default;

 private:
  void add_hyperparameters(State params, bool logger);

  State hparams_{};
  State hparams_initial_{};
};

}  // namespace bolt
