#pragma once

#include <torchbolt/export.h>
#include <torchbolt/optim/optimizer_of.h>

#include <optional>
#include <utility>

namespace bolt::optim {

/// Names and defaults are those of Python's `torch.optim.AdamW`.
struct TORCHBOLT_API AdamWOptions {
  double lr = 1e-3;
  /// Decay of the averages of the gradient and of its square.
  std::pair<double, double> betas{0.9, 0.999};
  /// Added to the denominator.
  double eps = 1e-8;
  /// Decoupled: each step multiplies the weights by 1 - lr * weight_decay.
  double weight_decay = 1e-2;
  /// Divides by the largest average of squares so far (Reddi et al. 2018).
  bool amsgrad = false;
  /// Goes up the gradient.
  bool maximize = false;
  /// One kernel for the whole step; none: where torch has it.
  std::optional<bool> fused{};
};

extern template class OptimizerOf<AdamWOptions>;

/// Adam with decoupled weight decay (Loshchilov and Hutter 2019).
///
///     return bolt::optim::AdamW(parameters(), {.lr = 1e-3});
class TORCHBOLT_API AdamW final : public OptimizerOf<AdamWOptions> {
 public:
  using OptimizerOf::OptimizerOf;
};

}  // namespace bolt::optim
