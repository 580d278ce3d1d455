#pragma once

#include <torchbolt/optim/optimizer_of.h>

namespace bolt::optim {

/// Names and defaults are those of Python's `torch.optim.RMSprop`.
struct TORCHBOLT_API RMSpropOptions {
  double lr = 1e-2;
  /// Decay of the average of the gradient's square.
  double alpha = 0.99;
  /// Added to the denominator.
  double eps = 1e-8;
  /// Adds weight_decay times the weights to the gradient.
  double weight_decay = 0;
  double momentum = 0;
  /// Divides by the standard deviation of the gradient (Graves 2013).
  bool centered = false;
  /// Goes up the gradient.
  bool maximize = false;
};

extern template class OptimizerOf<RMSpropOptions>;

/// RMSprop (Hinton 2012), with eps outside the root as torch has it.
///
///     return bolt::optim::RMSprop(parameters(), {.lr = 1e-3});
class TORCHBOLT_API RMSprop final : public OptimizerOf<RMSpropOptions> {
 public:
  using OptimizerOf::OptimizerOf;
};

}  // namespace bolt::optim
