#pragma once

#include <torchbolt/optim/optimizer_of.h>

#include <utility>

namespace bolt::optim {

/// Names and defaults are those of Python's `torch.optim.RAdam`.
struct TORCHBOLT_API RAdamOptions {
  double lr = 1e-3;
  /// Decay of the averages of the gradient and of its square.
  std::pair<double, double> betas{0.9, 0.999};
  /// Added to the denominator.
  double eps = 1e-8;
  /// Adds weight_decay times the weights to the gradient.
  double weight_decay = 0;
  /// Decays the weights themselves, as AdamW does.
  bool decoupled_weight_decay = false;
  /// Goes up the gradient.
  bool maximize = false;
};

extern template class OptimizerOf<RAdamOptions>;

/// Rectified Adam (Liu et al. 2020): no division by the average of squares
/// until that has seen enough.
///
///     return bolt::optim::RAdam(parameters(), {.lr = 1e-3});
class TORCHBOLT_API RAdam final : public OptimizerOf<RAdamOptions> {
 public:
  using OptimizerOf::OptimizerOf;
};

}  // namespace bolt::optim
