#pragma once

#include <torchbolt/export.h>
#include <torchbolt/trainer/callback.h>

#include <cstdint>
#include <map>

namespace bolt {

/// Settings of GradientAccumulationScheduler.
struct GradientAccumulationSchedulerOptions {
  /// Batches of an optimizer step by the epoch, counted from 0, from which on
  /// they hold; epoch 0 has 1 unless it is named. Required.
  std::map<int64_t, int64_t> scheduling{};
};

/// Changes `accumulate_grad_batches` as epochs go by. Not beside an optimizer
/// that has an `every_n_batches` of its own.
///
///     // 1 batch a step in the first 5 epochs, 4 in the next 5, then 8
///     .callbacks = {bolt::GradientAccumulationScheduler(
///     {.scheduling = {{5, 4}, {10, 8}}})}
class TORCHBOLT_API GradientAccumulationScheduler final : public Callback {
 public:
  /// Throws ConfigError when it is empty, or a key or value out of range.
  explicit GradientAccumulationScheduler(
      GradientAccumulationSchedulerOptions options);

  /// Batches of an optimizer step in that epoch.
  int64_t factor_of(int64_t epoch) const;

  /// With an entry for epoch 0.
  std::map<int64_t, int64_t> accumulation_schedule() const override {
    return scheduling_;
  }

  /// Throws ConfigError when the Trainer accumulates by itself, or the module
  /// optimizes by hand.
  void on_train_start(Trainer& trainer, Module&) override;
  void on_train_epoch_start(Trainer& trainer, Module&) override;
  void on_fit_end(Trainer& trainer, Module&) override;
  void on_exception(Trainer& trainer, Module&, std::exception_ptr) override;

 private:
  std::map<int64_t, int64_t> scheduling_;
  bool active_ = false;
};

}  // namespace bolt
