#include <torch/optim/optimizer.h>
#include <torchbolt/optim/schedules/warmup.h>

#include <utility>

namespace bolt::optim {
namespace {

LRSchedulerConfig each_step(OptimizerRef optimizer, WarmupLROptions options,
                            AnnealStrategy decay) {
  if (!options.decay) options.decay = decay;
  return {.scheduler = WarmupLR(std::move(optimizer), options),
          .interval = Interval::kStep};
}

}  // namespace

LRSchedulerConfig warmup_cosine(OptimizerRef optimizer,
                                WarmupLROptions options) {
  return each_step(std::move(optimizer), options, AnnealStrategy::kCos);
}

LRSchedulerConfig warmup_linear(OptimizerRef optimizer,
                                WarmupLROptions options) {
  return each_step(std::move(optimizer), options, AnnealStrategy::kLinear);
}

LRSchedulerConfig warmup_stable_decay(OptimizerRef optimizer,
                                      WarmupLROptions options) {
  if (!options.decay_steps && !options.decay_ratio) options.decay_ratio = 0.1;
  return each_step(std::move(optimizer), options, AnnealStrategy::kLinear);
}

}  // namespace bolt::optim
