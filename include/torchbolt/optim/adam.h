#pragma once

#include <torchbolt/optim/optimizer_of.h>

#include <optional>
#include <utility>

namespace bolt::optim {

/// Names and defaults are those of Python's `torch.optim.Adam`.
struct TORCHBOLT_API AdamOptions {
  double lr = 1e-3;
  /// Decay of the averages of the gradient and of its square.
  std::pair<double, double> betas{0.9, 0.999};
  /// Added to the denominator.
  double eps = 1e-8;
  /// Adds weight_decay times the weights to the gradient.
  double weight_decay = 0;
  /// Divides by the largest average of squares so far (Reddi et al. 2018).
  bool amsgrad = false;
  /// Goes up the gradient.
  bool maximize = false;
  /// One kernel for the whole step; none: where torch has it.
  std::optional<bool> fused{};
  /// Decays the weights themselves, as AdamW does.
  bool decoupled_weight_decay = false;
};

extern template class OptimizerOf<AdamOptions>;

/// Adam (Kingma and Ba 2015).
///
///     return bolt::optim::Adam(parameters(), {.lr = 1e-3});
class TORCHBOLT_API Adam final : public OptimizerOf<AdamOptions> {
 public:
  using OptimizerOf::OptimizerOf;
};

}  // namespace bolt::optim
