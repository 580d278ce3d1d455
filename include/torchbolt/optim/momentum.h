#pragma once

#include <torchbolt/export.h>

#include <cstddef>
#include <optional>
#include <string_view>

namespace torch::optim {
class Optimizer;
}

namespace bolt::optim {

/// What schedules of momentum change in an optimizer.
enum class MomentumKind {
  kNone,      ///< Adagrad, LBFGS, …
  kMomentum,  ///< `momentum` of SGD and RMSprop.
  kBeta1,     ///< The first of the `betas` of Adam and its kin.
};

/// What momentum an optimizer has: one of torchbolt's or of torch's.
TORCHBOLT_API MomentumKind momentum_kind(torch::optim::Optimizer& optimizer);
/// The momentum, or first beta, of a parameter group; none where it has none.
TORCHBOLT_API std::optional<double> momentum(torch::optim::Optimizer& optimizer,
                                             std::size_t group = 0);
/// Sets it. Throws ConfigError, naming the optimizer, where it has none.
TORCHBOLT_API void set_momentum(torch::optim::Optimizer& optimizer,
                                std::size_t group, double value);
/// Throws ConfigError, naming the schedule and the optimizer, where there is
/// no momentum to change.
TORCHBOLT_API void check_momentum(torch::optim::Optimizer& optimizer,
                                  std::string_view schedule);

}  // namespace bolt::optim
