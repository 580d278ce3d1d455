#pragma once

#include <torchbolt/export.h>
#include <torchbolt/optim/optimizer_of.h>

#include <optional>

namespace bolt::optim {

/// Names and defaults are those of Python's `torch.optim.SGD`.
struct TORCHBOLT_API SGDOptions {
  double lr = 1e-3;
  double momentum = 0;
  /// The gradient's weight in the momentum is 1 - dampening.
  double dampening = 0;
  /// Adds weight_decay times the weights to the gradient.
  double weight_decay = 0;
  /// Nesterov's momentum; wants momentum, and no dampening.
  bool nesterov = false;
  /// Goes up the gradient.
  bool maximize = false;
  /// One kernel for the whole step; none: where torch has it.
  std::optional<bool> fused{};
};

extern template class OptimizerOf<SGDOptions>;

/// Stochastic gradient descent, with momentum (Sutskever et al. 2013) as torch
/// has it: the buffer's first value is the gradient itself.
///
///     return bolt::optim::SGD(parameters(), {.lr = 0.1, .momentum = 0.9});
class TORCHBOLT_API SGD final : public OptimizerOf<SGDOptions> {
 public:
  using OptimizerOf::OptimizerOf;
};

}  // namespace bolt::optim
