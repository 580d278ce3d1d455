#pragma once

#include <torchbolt/export.h>
#include <torchbolt/trainer/callback.h>

#include <cstdint>
#include <map>

namespace bolt {

/// Changes `accumulate_grad_batches` as epochs go by. Keys are epochs, counted
/// from 0, values the batches of an optimizer step from that epoch on; epoch 0
/// has 1 unless it is named.
///
///     // 1 batch a step in the first 5 epochs, 4 in the next 5, then 8
///     .callbacks = {bolt::GradientAccumulationScheduler({{5, 4}, {10, 8}})}
class TORCHBOLT_API GradientAccumulationScheduler final : public Callback {
 public:
  /// Throws ConfigError when it is empty, or a key or value out of range.
  explicit GradientAccumulationScheduler(std::map<int64_t, int64_t> scheduling);

  /// Batches of an optimizer step in that epoch.
  int64_t factor_of(int64_t epoch) const;

  /// Throws ConfigError when the Trainer accumulates by itself.
  void on_train_start(Trainer& trainer, Module&) override;
  void on_train_epoch_start(Trainer& trainer, Module&) override;
  void on_fit_end(Trainer& trainer, Module&) override;
  void on_exception(Trainer& trainer, Module&, std::exception_ptr) override;

 private:
  std::map<int64_t, int64_t> scheduling_;
  bool active_ = false;
};

}  // namespace bolt
