#pragma once

#include <torchbolt/export.h>
#include <torchbolt/optim/clip_algorithm.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace torch::optim {
class Optimizer;
class LRScheduler;
class ReduceLROnPlateauScheduler;
}  // namespace torch::optim

namespace bolt {

/// When a learning-rate schedule steps.
enum class Interval { kEpoch, kStep };

/// A learning-rate schedule as the loops see it: any scheduler of
/// `torch::optim`, or a function. It keeps what it was made from alive.
class TORCHBOLT_API LRScheduler {
 public:
  /// A scheduler of `torch::optim`, by value or shared.
  template <class S>
    requires std::is_base_of_v<torch::optim::LRScheduler, S>
  LRScheduler(S scheduler)
      : LRScheduler(std::make_shared<S>(std::move(scheduler))) {}
  template <class S>
    requires std::is_base_of_v<torch::optim::LRScheduler, S>
  LRScheduler(std::shared_ptr<S> scheduler)
      : object_(scheduler),
        step_([s = scheduler.get()](double) { s->step(); }) {}

  /// Steps on the monitored metric.
  template <class S>
    requires std::is_same_v<torch::optim::ReduceLROnPlateauScheduler, S>
  LRScheduler(S scheduler)
      : LRScheduler(std::make_shared<S>(std::move(scheduler))) {}
  template <class S>
    requires std::is_same_v<torch::optim::ReduceLROnPlateauScheduler, S>
  LRScheduler(std::shared_ptr<S> scheduler)
      : object_(scheduler),
        step_([s = scheduler.get()](double metric) {
          s->step(static_cast<float>(metric));
        }),
        reduce_on_plateau_(true) {}

  /// Whether it wants the monitored metric.
  bool reduce_on_plateau() const { return reduce_on_plateau_; }
  /// One step; `metric` counts for a plateau scheduler only.
  void step(double metric = 0) { step_(metric); }

 private:
  std::shared_ptr<void> object_;
  std::function<void(double)> step_;
  bool reduce_on_plateau_ = false;
};

/// A schedule, and when it steps.
struct LRSchedulerConfig {
  std::optional<LRScheduler> scheduler{};
  /// Counted in epochs or in batches.
  Interval interval = Interval::kEpoch;
  /// Steps when (epoch + 1), or (batch index within the epoch + 1), is a
  /// multiple of it.
  int64_t frequency = 1;
  /// Metric that a plateau scheduler watches; required there.
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
///     return torch::optim::AdamW(parameters(), 1e-3);
///
///     auto sgd = std::make_shared<torch::optim::SGD>(parameters(), 0.1);
///     return {sgd, torch::optim::StepLR(*sgd, 10, 0.5)};
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
