#pragma once

#include <torchbolt/export.h>
#include <torchbolt/optim/optimizer_config.h>
#include <torchbolt/optim/schedules/warmup_lr.h>

#include <concepts>
#include <memory>
#include <type_traits>
#include <utility>

namespace bolt::optim {

/// Schedules of the usual forms, which step after every batch, and know by the
/// Trainer how many steps there are. Each takes an optimizer and gives all that
/// `configure_optimizers` returns, or a shared one and gives the schedule's
/// config. Throws ConfigError naming the option.
///
///     return bolt::optim::warmup_cosine(
///         bolt::optim::AdamW(parameters(), {.lr = 3e-4}),
///         {.warmup_steps = 500});
///
///     return {adamw, bolt::optim::warmup_cosine(adamw, {.warmup_ratio =
///     0.05})};
TORCHBOLT_API LRSchedulerConfig warmup_cosine(OptimizerRef optimizer,
                                              WarmupLROptions options = {});
/// Up, then down in straight lines.
TORCHBOLT_API LRSchedulerConfig warmup_linear(OptimizerRef optimizer,
                                              WarmupLROptions options = {});
/// Up, the whole rate for most of the run, then down in a straight line in the
/// last tenth (WSD; Hu et al. 2024).
TORCHBOLT_API LRSchedulerConfig
warmup_stable_decay(OptimizerRef optimizer, WarmupLROptions options = {});

/// An optimizer by value.
template <class O>
concept OptimizerValue =
    std::derived_from<O, torch::optim::Optimizer> && !std::is_const_v<O>;

/// `warmup_cosine` of an optimizer that is made in the same line.
template <OptimizerValue O>
OptimizerConfig warmup_cosine(O&& optimizer, WarmupLROptions options = {}) {
  auto shared = std::make_shared<O>(std::move(optimizer));
  return {shared, warmup_cosine(OptimizerRef(shared), options)};
}
/// `warmup_linear` of an optimizer that is made in the same line.
template <OptimizerValue O>
OptimizerConfig warmup_linear(O&& optimizer, WarmupLROptions options = {}) {
  auto shared = std::make_shared<O>(std::move(optimizer));
  return {shared, warmup_linear(OptimizerRef(shared), options)};
}
/// `warmup_stable_decay` of an optimizer that is made in the same line.
template <OptimizerValue O>
OptimizerConfig warmup_stable_decay(O&& optimizer,
                                    WarmupLROptions options = {}) {
  auto shared = std::make_shared<O>(std::move(optimizer));
  return {shared, warmup_stable_decay(OptimizerRef(shared), options)};
}

}  // namespace bolt::optim
