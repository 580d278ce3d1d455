#pragma once

#include <torchbolt/optim/optimizer_of.h>

#include <optional>

namespace bolt::optim {

/// Names and defaults are those of Python's `torch.optim.Adagrad`.
struct TORCHBOLT_API AdagradOptions {
  double lr = 1e-2;
  /// Step t uses lr / (1 + (t - 1) * lr_decay).
  double lr_decay = 0;
  /// Adds weight_decay times the weights to the gradient.
  double weight_decay = 0;
  /// What the sums of squares start from.
  double initial_accumulator_value = 0;
  /// Added to the denominator.
  double eps = 1e-10;
  /// Goes up the gradient.
  bool maximize = false;
  /// One kernel for the whole step; none: where torch has it.
  std::optional<bool> fused{};
};

extern template class OptimizerOf<AdagradOptions>;

/// Adagrad (Duchi et al. 2011). Its state is there from the start.
///
///     return bolt::optim::Adagrad(parameters(), {.lr = 1e-2});
class TORCHBOLT_API Adagrad final : public OptimizerOf<AdagradOptions> {
 public:
  using OptimizerOf::OptimizerOf;
};

}  // namespace bolt::optim
