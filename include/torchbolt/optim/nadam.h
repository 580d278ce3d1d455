#pragma once

#include <torchbolt/optim/optimizer_of.h>

#include <utility>

namespace bolt::optim {

/// Names and defaults are those of Python's `torch.optim.NAdam`.
struct TORCHBOLT_API NAdamOptions {
  double lr = 2e-3;
  /// Decay of the averages of the gradient and of its square.
  std::pair<double, double> betas{0.9, 0.999};
  /// Added to the denominator.
  double eps = 1e-8;
  /// Adds weight_decay times the weights to the gradient.
  double weight_decay = 0;
  /// How fast the momentum warms up.
  double momentum_decay = 4e-3;
  /// Decays the weights themselves, as AdamW does.
  bool decoupled_weight_decay = false;
  /// Goes up the gradient.
  bool maximize = false;
};

extern template class OptimizerOf<NAdamOptions>;

/// Adam with Nesterov's momentum (Dozat 2016).
///
///     return bolt::optim::NAdam(parameters(), {.lr = 2e-3});
class TORCHBOLT_API NAdam final : public OptimizerOf<NAdamOptions> {
 public:
  using OptimizerOf::OptimizerOf;
};

}  // namespace bolt::optim
