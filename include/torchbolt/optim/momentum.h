#pragma once

#include <torchbolt/export.h>

#include <cstddef>
#include <optional>
#include <string_view>

namespace torch::optim {
class Optimizer;
}

namespace bolt::optim {

/// What schedules of momentum change.
enum class MomentumKind {
  kNone,      ///< Adagrad, LBFGS, …
  kMomentum,  ///< `momentum` of SGD and RMSprop.
  kBeta1,     ///< The first of the `betas` of Adam and its kin.
};

/// For the options of a parameter group of an optimizer of one's own: derive
/// from it beside `torch::optim::OptimizerOptions`, so that schedules find the
/// momentum.
class TORCHBOLT_API MomentumOptions {
 public:
  virtual ~MomentumOptions() = default;
  virtual MomentumKind momentum_kind() const = 0;
  /// The number that schedules change.
  virtual double& scheduled_momentum() = 0;
};

/// What momentum an optimizer has: torchbolt's, torch's, or one whose group
/// options are MomentumOptions.
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
