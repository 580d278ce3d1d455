#pragma once

#include <torchbolt/optim/optimizer_of.h>

#include <optional>
#include <utility>

namespace bolt::optim {

/// Names and defaults are those of Python's `torch.optim.Adafactor`.
struct TORCHBOLT_API AdafactorOptions {
  /// Upper bound of the relative step; that is 1 / sqrt(t) below it.
  double lr = 1e-2;
  /// The averages' new part weighs t^beta2_decay at step t.
  double beta2_decay = -0.8;
  /// Lower bounds: of the root of the averages (none: the type's epsilon), and
  /// of the size of weights that a step is relative to.
  std::pair<std::optional<double>, double> eps{std::nullopt, 1e-3};
  /// Steps with a root mean square above it are scaled down to it.
  double d = 1;
  /// Decoupled: each step multiplies the weights by 1 - lr * weight_decay.
  double weight_decay = 0;
  /// Goes up the gradient.
  bool maximize = false;
};

extern template class OptimizerOf<AdafactorOptions>;

/// Adafactor (Shazeer and Stern 2018): of a matrix's average of squares it
/// keeps a row and a column. No complex parameters.
///
///     return bolt::optim::Adafactor(parameters(), {.lr = 1e-2});
class TORCHBOLT_API Adafactor final : public OptimizerOf<AdafactorOptions> {
 public:
  using OptimizerOf::OptimizerOf;
};

}  // namespace bolt::optim
