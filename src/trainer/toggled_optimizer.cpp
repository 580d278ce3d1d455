#include <torchbolt/trainer/toggled_optimizer.h>

#include "trainer/manual_optimization.h"

namespace bolt {

ToggledOptimizer::ToggledOptimizer(detail::ManualOptimization& loop,
                                   torch::optim::Optimizer& optimizer,
                                   bool sync_grad)
    : loop_(loop), optimizer_(optimizer), sync_(loop, !sync_grad) {
  loop_.toggle(optimizer_);
}
ToggledOptimizer::~ToggledOptimizer() {
  // It may have been untoggled by hand, and another one toggled since.
  if (loop_.is_toggled(optimizer_)) loop_.untoggle(optimizer_);
}

}  // namespace bolt
