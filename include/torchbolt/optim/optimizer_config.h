#pragma once

#include <torchbolt/export.h>

#include <cstdint>
#include <functional>
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
};

/// What `configure_optimizers` returns: an optimizer, with or without
/// schedules. Default-constructed it means "none": the run computes gradients
/// and changes nothing.
///
///     return torch::optim::AdamW(parameters(), 1e-3);
///
///     auto sgd = std::make_shared<torch::optim::SGD>(parameters(), 0.1);
///     return {sgd, torch::optim::StepLR(*sgd, 10, 0.5)};
class TORCHBOLT_API OptimizerConfig {
 public:
  OptimizerConfig() = default;

  template <class O>
    requires std::is_base_of_v<torch::optim::Optimizer, O>
  OptimizerConfig(O optimizer)
      : optimizer_(std::make_shared<O>(std::move(optimizer))) {}
  template <class O>
    requires std::is_base_of_v<torch::optim::Optimizer, O>
  OptimizerConfig(std::shared_ptr<O> optimizer)
      : optimizer_(std::move(optimizer)) {}
  template <class O>
    requires std::is_base_of_v<torch::optim::Optimizer, O>
  OptimizerConfig(std::shared_ptr<O> optimizer, LRScheduler scheduler)
      : optimizer_(std::move(optimizer)),
        schedulers_{{.scheduler = std::move(scheduler)}} {}
  template <class O>
    requires std::is_base_of_v<torch::optim::Optimizer, O>
  OptimizerConfig(std::shared_ptr<O> optimizer, LRSchedulerConfig scheduler)
      : optimizer_(std::move(optimizer)), schedulers_{std::move(scheduler)} {}
  template <class O>
    requires std::is_base_of_v<torch::optim::Optimizer, O>
  OptimizerConfig(std::shared_ptr<O> optimizer,
                  std::vector<LRSchedulerConfig> schedulers)
      : optimizer_(std::move(optimizer)), schedulers_(std::move(schedulers)) {}

  const std::shared_ptr<torch::optim::Optimizer>& optimizer() const {
    return optimizer_;
  }
  std::vector<LRSchedulerConfig>& schedulers() { return schedulers_; }

 private:
  std::shared_ptr<torch::optim::Optimizer> optimizer_{};
  std::vector<LRSchedulerConfig> schedulers_{};
};

}  // namespace bolt
