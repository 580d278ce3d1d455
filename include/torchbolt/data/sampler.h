#pragma once

#include <torchbolt/export.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace bolt {

/// The order in which samples are read. It depends on what the sampler was made
/// from and on the epoch alone, so that any epoch can be had again.
class TORCHBOLT_API Sampler {
 public:
  virtual ~Sampler() = default;
  /// Samples of an epoch.
  virtual int64_t size() const = 0;
  /// Their order in epoch `epoch`; valid until the next call. Empty means: as
  /// they are, 0 … size-1.
  virtual std::span<const int64_t> order(int64_t epoch) = 0;
};

/// All samples, as they are.
class TORCHBOLT_API SequentialSampler final : public Sampler {
 public:
  explicit SequentialSampler(int64_t size) : size_(size) {}
  int64_t size() const override { return size_; }
  std::span<const int64_t> order(int64_t) override { return {}; }

 private:
  int64_t size_;
};

/// All samples, in an order drawn anew each epoch from (seed, epoch). Fisher
/// and Yates's shuffle (Knuth, Algorithm P) on bolt::Rng; torch's generators
/// are left alone.
class TORCHBOLT_API RandomSampler final : public Sampler {
 public:
  RandomSampler(int64_t size, uint64_t seed) : size_(size), seed_(seed) {}
  int64_t size() const override { return size_; }
  std::span<const int64_t> order(int64_t epoch) override;

 private:
  int64_t size_;
  uint64_t seed_;
  std::optional<int64_t> epoch_{};
  std::vector<int64_t> order_{};
};

}  // namespace bolt
