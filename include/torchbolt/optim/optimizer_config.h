#pragma once

#include <torchbolt/export.h>
#include <torchbolt/optim/clip_algorithm.h>
#include <torchbolt/optim/lr_scheduler.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace torch::optim {
class Optimizer;
}

namespace bolt {

/// When a learning-rate schedule steps.
enum class Interval { kEpoch, kStep };

/// A schedule, and when it steps.
struct LRSchedulerConfig {
  std::optional<LRScheduler> scheduler{};
  /// Counted in epochs or in batches.
  Interval interval = Interval::kEpoch;
  /// Steps when (epoch + 1), or (batch index within the epoch + 1), is a
  /// multiple of it.
  int64_t frequency = 1;
  /// Metric that a plateau schedule goes by; required there.
  std::optional<std::string> monitor{};
  /// Whether a monitored metric that isn't there is an error (else a warning).
  bool strict = true;
  /// Label for those who report learning rates.
  std::optional<std::string> name{};
  /// Filled in by the Trainer: which of the fit's optimizers it belongs to.
  std::size_t optimizer_idx = 0;
};

/// One of several optimizers, or one with settings of its own.
struct OptimizerEntry {
  std::shared_ptr<torch::optim::Optimizer> optimizer{};
  /// Its schedules.
  std::vector<LRSchedulerConfig> lr_schedulers{};
  /// What it is called in `Module::optimizer(name)` and in errors. With several
  /// optimizers under automatic optimization each needs a name of its own.
  std::string name{};
  /// Automatic optimization only: steps on each n-th batch of an epoch, and on
  /// the last, with the mean of the gradients since its last step. Instead of
  /// `accumulate_grad_batches`, which then must be 1.
  int64_t every_n_batches = 1;
  /// Clips its gradients, whatever the Trainer's `gradient_clip_val` is. Under
  /// manual optimization: what `clip_gradients` falls back to.
  std::optional<double> gradient_clip_val{};
  std::optional<ClipAlgorithm> gradient_clip_algorithm{};
};

/// What `configure_optimizers` returns: an optimizer, with or without
/// schedules, or several. Default-constructed it means "none": the run computes
/// gradients and changes nothing.
///
///     return bolt::optim::AdamW(parameters(), {.lr = 1e-3});
///
///     auto adamw = std::make_shared<bolt::optim::AdamW>(parameters());
///     return {adamw, bolt::optim::CosineAnnealingLR(adamw, {.t_max = 10})};
///
///     // with settings of the schedule; several stand in a list:
///     return {adamw, {.scheduler = bolt::optim::ReduceLROnPlateau(adamw),
///                     .monitor = "val/loss"}};
///     // warm-up and decay, in as many steps as the fit will make:
///     return bolt::optim::warmup_cosine(
///         bolt::optim::AdamW(parameters(), {.lr = 1e-3}),
///         {.warmup_steps = 500});
///
///     // manual optimization, or, with names, automatic optimization:
///     return {generator_adam, discriminator_adam};
///     return {{.optimizer = muon, .name = "matrices", .every_n_batches = 4},
///             {.optimizer = adamw, .name = "rest", .gradient_clip_val = 1.0}};
class TORCHBOLT_API OptimizerConfig {
 public:
  OptimizerConfig() = default;

  template <class O>
    requires std::is_base_of_v<torch::optim::Optimizer, O>
  OptimizerConfig(O optimizer)
      : OptimizerConfig(std::make_shared<O>(std::move(optimizer))) {}
  template <class O>
    requires std::is_base_of_v<torch::optim::Optimizer, O>
  OptimizerConfig(std::shared_ptr<O> optimizer)
      : OptimizerConfig(std::move(optimizer),
                        std::vector<LRSchedulerConfig>()) {}
  template <class O>
    requires std::is_base_of_v<torch::optim::Optimizer, O>
  OptimizerConfig(std::shared_ptr<O> optimizer, LRScheduler scheduler)
      : OptimizerConfig(std::move(optimizer),
                        LRSchedulerConfig{.scheduler = std::move(scheduler)}) {}
  template <class O>
    requires std::is_base_of_v<torch::optim::Optimizer, O>
  OptimizerConfig(std::shared_ptr<O> optimizer, LRSchedulerConfig scheduler)
      : OptimizerConfig(std::move(optimizer),
                        std::vector{std::move(scheduler)}) {}
  template <class O>
    requires std::is_base_of_v<torch::optim::Optimizer, O>
  OptimizerConfig(std::shared_ptr<O> optimizer,
                  std::vector<LRSchedulerConfig> schedulers)
      : entries_{{.optimizer = std::move(optimizer),
                  .lr_schedulers = std::move(schedulers)}} {}

  /// Several optimizers.
  template <class... O>
    requires(sizeof...(O) >= 2 &&
             (std::is_base_of_v<torch::optim::Optimizer, O> && ...))
  OptimizerConfig(std::shared_ptr<O>... optimizers)
      : entries_{OptimizerEntry{.optimizer = std::move(optimizers)}...} {}
  OptimizerConfig(std::initializer_list<OptimizerEntry> entries)
      : entries_(entries) {}
  OptimizerConfig(std::vector<OptimizerEntry> entries)
      : entries_(std::move(entries)) {}

  std::vector<OptimizerEntry>& entries() { return entries_; }

 private:
  std::vector<OptimizerEntry> entries_{};
};

}  // namespace bolt
