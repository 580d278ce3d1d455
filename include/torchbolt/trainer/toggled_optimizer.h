#pragma once

#include <torchbolt/export.h>
#include <torchbolt/trainer/backward_sync_scope.h>

namespace torch::optim {
class Optimizer;
}

namespace bolt {

namespace detail {
class ManualOptimization;
}

/// While it lives, only the parameters of one optimizer require gradients; see
/// `Module::toggle_optimizer`. It ends before the step's hook does.
/// `Module::toggled_optimizer` and `LightningOptimizer::toggle_model` make it.
///
///     const auto toggled = toggled_optimizer(gen);
///     manual_backward(loss);  // leaves nothing in the discriminator
class TORCHBOLT_API ToggledOptimizer {
 public:
  /// `sync_grad = false` is a BackwardSyncScope as well.
  [[nodiscard]] ToggledOptimizer(detail::ManualOptimization& loop,
                                 torch::optim::Optimizer& optimizer,
                                 bool sync_grad);
  /// Turns on again what was on before.
  ~ToggledOptimizer();
  ToggledOptimizer(const ToggledOptimizer&) = delete;
  ToggledOptimizer& operator=(const ToggledOptimizer&) = delete;

 private:
  detail::ManualOptimization& loop_;
  torch::optim::Optimizer& optimizer_;
  BackwardSyncScope sync_;
};

}  // namespace bolt
