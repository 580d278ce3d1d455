#pragma once

#include <torchbolt/trainer/trainer.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "trainer/fetcher.h"

namespace bolt::detail {

class TrainerCore;

/// Runs `predict_step` over the prediction loaders.
class PredictionLoop {
 public:
  explicit PredictionLoop(TrainerCore& core) : core_(core) {}

  /// Predictions by loader and batch, on the CPU; empty unless `collect`.
  Predictions run(bool collect);
  /// Lets go of data and batches.
  void release();
  const std::vector<int64_t>& max_batches() const { return max_batches_; }

 private:
  void setup_data();
  Prediction step(Fetcher::Fetched& fetched);

  TrainerCore& core_;
  BatchProgress progress_{};
  std::optional<Fetcher> fetcher_{};
  std::vector<int64_t> max_batches_{};
};

}  // namespace bolt::detail
