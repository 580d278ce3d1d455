#pragma once

#include <torchbolt/callbacks/weight_averaging.h>
#include <torchbolt/export.h>

#include <cstdint>
#include <optional>

namespace bolt {

/// Settings of EMAWeightAveraging.
struct EMAWeightAveragingOptions {
  /// average = decay · average + (1 − decay) · weights.
  double decay = 0.999;
  /// Averages after every n-th optimizer step; 0: not after steps.
  int64_t update_every_n_steps = 1;
  /// Not before this step (counted from 0).
  std::optional<int64_t> update_starting_at_step{};
  /// Also at the end of each epoch from this one on.
  std::optional<int64_t> update_starting_at_epoch{};
  /// See WeightAveraging.
  bool use_buffers = true;
};

/// WeightAveraging with an exponential moving average.
///
///     .callbacks = {bolt::EMAWeightAveraging({.decay = 0.9999})}
class TORCHBOLT_API EMAWeightAveraging final : public WeightAveraging {
 public:
  /// Throws ConfigError.
  explicit EMAWeightAveraging(EMAWeightAveragingOptions options = {});

  bool should_update(std::optional<int64_t> step_idx,
                     std::optional<int64_t> epoch_idx) const override;

 protected:
  double weight_of_update() const override { return 1.0 - options_.decay; }

 private:
  EMAWeightAveragingOptions options_;
};

}  // namespace bolt
