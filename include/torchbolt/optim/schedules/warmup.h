#pragma once

#include <torchbolt/export.h>
#include <torchbolt/optim/anneal.h>
#include <torchbolt/optim/optimizer_config.h>
#include <torchbolt/optim/schedules/warmup_lr.h>

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace bolt::optim {

/// Of `warmup_cosine` and `warmup_linear`.
struct WarmupOptions {
  /// Steps in which the rate goes up; 0: none.
  int64_t warmup_steps = 0;
  /// The same as a share of all steps; instead of warmup_steps.
  std::optional<double> warmup_ratio{};
  /// All steps; none: as many as the fit will make.
  std::optional<int64_t> total_steps{};
  /// What the rate is multiplied by at the first step.
  double start_factor = 0;
  /// What it is multiplied by at the end.
  double end_factor = 0;
};

/// Of `warmup_stable_decay`.
struct WarmupStableDecayOptions {
  /// Steps in which the rate goes up; 0: none.
  int64_t warmup_steps = 0;
  /// The same as a share of all steps; instead of warmup_steps.
  std::optional<double> warmup_ratio{};
  /// All steps; none: as many as the fit will make.
  std::optional<int64_t> total_steps{};
  /// The last steps, in which the rate goes down; none: a tenth of all.
  std::optional<int64_t> decay_steps{};
  /// The same as a share of all steps; instead of decay_steps.
  std::optional<double> decay_ratio{};
  /// The form of the decay.
  AnnealStrategy decay = AnnealStrategy::kLinear;
  /// What the rate is multiplied by at the first step.
  double start_factor = 0;
  /// What it is multiplied by at the end.
  double end_factor = 0;
};

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
                                              WarmupOptions options = {});
/// Up, then down in straight lines.
TORCHBOLT_API LRSchedulerConfig warmup_linear(OptimizerRef optimizer,
                                              WarmupOptions options = {});
/// Up, the whole rate for most of the run, then down (WSD; Hu et al. 2024).
TORCHBOLT_API LRSchedulerConfig warmup_stable_decay(
    OptimizerRef optimizer, WarmupStableDecayOptions options = {});

/// An optimizer by value.
template <class O>
concept OptimizerValue =
    std::derived_from<O, torch::optim::Optimizer> && !std::is_const_v<O>;

/// `warmup_cosine` of an optimizer that is made in the same line.
template <OptimizerValue O>
OptimizerConfig warmup_cosine(O&& optimizer, WarmupOptions options = {}) {
  auto shared = std::make_shared<O>(std::move(optimizer));
  return {shared, warmup_cosine(OptimizerRef(shared), options)};
}
/// `warmup_linear` of an optimizer that is made in the same line.
template <OptimizerValue O>
OptimizerConfig warmup_linear(O&& optimizer, WarmupOptions options = {}) {
  auto shared = std::make_shared<O>(std::move(optimizer));
  return {shared, warmup_linear(OptimizerRef(shared), options)};
}
/// `warmup_stable_decay` of an optimizer that is made in the same line.
template <OptimizerValue O>
OptimizerConfig warmup_stable_decay(O&& optimizer,
                                    WarmupStableDecayOptions options = {}) {
  auto shared = std::make_shared<O>(std::move(optimizer));
  return {shared, warmup_stable_decay(OptimizerRef(shared), options)};
}

}  // namespace bolt::optim
