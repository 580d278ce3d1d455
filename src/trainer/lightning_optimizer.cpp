#include <torchbolt/trainer/lightning_optimizer.h>

#include "trainer/manual_optimization.h"

namespace bolt {

at::Tensor LightningOptimizer::step(
    const std::function<at::Tensor()>& closure) const {
  return loop_->step(*optimizer_, closure);
}
void LightningOptimizer::zero_grad() const { loop_->zero_grad(*optimizer_); }
ToggledOptimizer LightningOptimizer::toggle_model(bool sync_grad) const {
  return ToggledOptimizer(*loop_, *optimizer_, sync_grad);
}

}  // namespace bolt
