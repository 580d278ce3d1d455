#include <torch/optim/optimizer.h>
#include <torchbolt/optim/schedules/warmup.h>

#include <utility>

namespace bolt::optim {
namespace {

LRSchedulerConfig each_step(OptimizerRef optimizer, WarmupLROptions options) {
  return {.scheduler = WarmupLR(std::move(optimizer), options),
          .interval = Interval::kStep};
}

WarmupLROptions with_decay(const WarmupOptions& options, AnnealStrategy decay) {
  return {.warmup_steps = options.warmup_steps,
          .warmup_ratio = options.warmup_ratio,
          .total_steps = options.total_steps,
          .decay = decay,
          .start_factor = options.start_factor,
          .end_factor = options.end_factor};
}

}  // namespace

LRSchedulerConfig warmup_cosine(OptimizerRef optimizer, WarmupOptions options) {
  return each_step(std::move(optimizer),
                   with_decay(options, AnnealStrategy::kCos));
}

LRSchedulerConfig warmup_linear(OptimizerRef optimizer, WarmupOptions options) {
  return each_step(std::move(optimizer),
                   with_decay(options, AnnealStrategy::kLinear));
}

LRSchedulerConfig warmup_stable_decay(OptimizerRef optimizer,
                                      WarmupStableDecayOptions options) {
  if (!options.decay_steps && !options.decay_ratio) options.decay_ratio = 0.1;
  return each_step(std::move(optimizer), {.warmup_steps = options.warmup_steps,
                                          .warmup_ratio = options.warmup_ratio,
                                          .total_steps = options.total_steps,
                                          .decay_steps = options.decay_steps,
                                          .decay_ratio = options.decay_ratio,
                                          .decay = options.decay,
                                          .start_factor = options.start_factor,
                                          .end_factor = options.end_factor});
}

}  // namespace bolt::optim
