#pragma once

#include <torchbolt/data/dataset.h>
#include <torchbolt/data/transforms/transform.h>
#include <torchbolt/export.h>

#include <cstdint>
#include <span>

namespace bolt {

/// Images in memory that are transformed as they are read. Gathering,
/// augmenting and converting a batch is one pass over its pixels (see
/// transforms::Compose). Any number of threads may read.
///
///     bolt::AugmentedDataset data(
///         bolt::TensorDataset(images, labels),     // uint8 [N, C, H, W]
///         Compose{Normalize({.mean = {0.286}, .std = {0.353}}),
///                 RandomHorizontalFlip()});
///     bolt::DataLoader train(data, {.batch_size = 128, .shuffle = true});
class TORCHBOLT_API AugmentedDataset {
 public:
  /// Throws DataError when the transform can't work on this data.
  AugmentedDataset(TensorDataset samples, transforms::Transform transform);

  int64_t size() const { return samples_.size(); }
  torch::data::Example<> get_batch(std::span<const int64_t> indices,
                                   Rng& rng) const;
  const TensorDataset& samples() const { return samples_; }

 private:
  TensorDataset samples_;
  transforms::Transform transform_;
};

}  // namespace bolt
