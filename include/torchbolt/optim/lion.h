#pragma once

#include <torchbolt/optim/optimizer_of.h>

#include <utility>

namespace bolt::optim {

/// Names and defaults are those of the paper.
struct TORCHBOLT_API LionOptions {
  /// A third to a tenth of what AdamW wants.
  double lr = 1e-4;
  /// Weight of the average in a step, and decay of the average.
  std::pair<double, double> betas{0.9, 0.99};
  /// Decoupled: each step multiplies the weights by 1 - lr * weight_decay.
  /// Three to ten times what AdamW wants.
  double weight_decay = 0;
  /// Goes up the gradient.
  bool maximize = false;
};

extern template class OptimizerOf<LionOptions>;

/// Lion (Chen et al. 2023): each weight moves by the learning rate, in the
/// direction of the sign of an average. Half of Adam's state.
///
///     return bolt::optim::Lion(parameters(), {.lr = 1e-4, .weight_decay = 1});
class TORCHBOLT_API Lion final : public OptimizerOf<LionOptions> {
 public:
  using OptimizerOf::OptimizerOf;
};

}  // namespace bolt::optim
