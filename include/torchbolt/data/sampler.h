#pragma once

#include <torchbolt/export.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace bolt {

/// The order in which samples are read. It depends on what the sampler was made
/// from and on the epoch alone, so that any epoch can be had again. Derive from
/// it for an order of your own and pass it as DataLoaderOptions::sampler. A
/// loader, and its copies, ask for one order after the other, never at a time.
///
///     auto rare_ones = std::make_shared<bolt::WeightedRandomSampler>(
///         weights, bolt::WeightedRandomSamplerOptions{.seed = 1});
///     bolt::DataLoader train(data, {.batch_size = 64, .sampler = rare_ones});
class TORCHBOLT_API Sampler {
 public:
  virtual ~Sampler() = default;
  /// Samples of an epoch.
  virtual int64_t size() const = 0;
  /// Their order in epoch `epoch`; valid until the next call. Empty means: as
  /// they are, 0 … size-1.
  virtual std::span<const int64_t> order(int64_t epoch) = 0;
  /// Whether the order changes from epoch to epoch.
  virtual bool shuffles() const { return true; }
};

/// All samples, as they are.
class TORCHBOLT_API SequentialSampler final : public Sampler {
 public:
  explicit SequentialSampler(int64_t size) : size_(size) {}
  int64_t size() const override { return size_; }
  std::span<const int64_t> order(int64_t) override { return {}; }
  bool shuffles() const override { return false; }

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

/// These samples, in an order drawn anew each epoch from (seed, epoch).
class TORCHBOLT_API SubsetRandomSampler final : public Sampler {
 public:
  SubsetRandomSampler(std::vector<int64_t> indices, uint64_t seed)
      : indices_(std::move(indices)), seed_(seed) {}
  int64_t size() const override {
    return static_cast<int64_t>(indices_.size());
  }
  std::span<const int64_t> order(int64_t epoch) override;

 private:
  std::vector<int64_t> indices_;
  uint64_t seed_;
  std::vector<int64_t> order_{};
};

/// Settings of WeightedRandomSampler.
struct WeightedRandomSamplerOptions {
  /// Samples of an epoch; none: as many as there are weights.
  std::optional<int64_t> num_samples{};
  /// Whether a sample may come more than once in an epoch.
  bool replacement = true;
  uint64_t seed = 0;
};

/// Samples drawn in proportion to their weights, anew each epoch from (seed,
/// epoch). Without replacement: successive draws from what is left, by
/// Efraimidis and Spirakis's keys (2006).
class TORCHBOLT_API WeightedRandomSampler final : public Sampler {
 public:
  /// `weights`: one per sample, finite, none negative, not all 0; they need
  /// not sum to 1. Throws ConfigError.
  explicit WeightedRandomSampler(
      std::vector<double> weights,
      const WeightedRandomSamplerOptions& options = {});
  int64_t size() const override { return num_samples_; }
  std::span<const int64_t> order(int64_t epoch) override;

 private:
  std::vector<double> weights_;
  std::vector<double> cumulative_{};
  int64_t num_samples_;
  bool replacement_;
  uint64_t seed_;
  std::vector<int64_t> order_{};
};

/// One process's share of another sampler's order: that of rank r is the r-th,
/// (r + world_size)-th, … sample. Nothing is repeated to make the shares equal,
/// so that an evaluation counts each sample once.
class TORCHBOLT_API DistributedSampler final : public Sampler {
 public:
  /// Every process makes `whole` with the same seed. Throws ConfigError for a
  /// rank that isn't in 0 … world_size-1.
  DistributedSampler(std::shared_ptr<Sampler> whole, int64_t rank,
                     int64_t world_size);
  int64_t size() const override;
  std::span<const int64_t> order(int64_t epoch) override;
  bool shuffles() const override { return whole_->shuffles(); }

 private:
  std::shared_ptr<Sampler> whole_;
  int64_t rank_;
  int64_t world_size_;
  std::vector<int64_t> order_{};
};

/// Which samples make which batch. As Sampler, for whole batches: pass it as
/// DataLoaderOptions::batch_sampler.
class TORCHBOLT_API BatchSampler {
 public:
  virtual ~BatchSampler() = default;
  /// Batches of an epoch, the same for all epochs.
  virtual int64_t size() const = 0;
  /// Samples of batch `batch` in epoch `epoch`; valid until the next call.
  virtual std::span<const int64_t> batch(int64_t epoch, int64_t batch) = 0;
  /// Whether the batches change from epoch to epoch.
  virtual bool shuffles() const { return true; }
};

/// Settings of LengthBatchSampler.
struct LengthBatchSamplerOptions {
  /// Most samples in a batch.
  int64_t max_samples = 32;
  /// Most elements in a batch once its samples are padded to the longest; none:
  /// no limit.
  std::optional<int64_t> max_elements{};
  /// Draws anew each epoch which samples of a length go together, and the order
  /// of the batches.
  bool shuffle = true;
  uint64_t seed = 0;
};

/// Batches of samples of similar length, so that little is lost to padding.
///
///     bolt::LengthBatchSampler by_length(lengths, {.max_elements = 4096});
class TORCHBOLT_API LengthBatchSampler final : public BatchSampler {
 public:
  /// `lengths`: one per sample. Throws ConfigError for a length that is
  /// negative or greater than `max_elements`.
  explicit LengthBatchSampler(std::vector<int64_t> lengths,
                              const LengthBatchSamplerOptions& options = {});
  int64_t size() const override {
    return static_cast<int64_t>(starts_.size()) - 1;
  }
  std::span<const int64_t> batch(int64_t epoch, int64_t batch) override;
  bool shuffles() const override { return shuffle_; }

 private:
  void draw(int64_t epoch);

  std::vector<int64_t> lengths_;
  bool shuffle_;
  uint64_t seed_;
  std::optional<int64_t> epoch_{};
  // Samples by length; batch k, before the batches are shuffled, is
  // starts_[k] … starts_[k + 1] - 1 of them.
  std::vector<int64_t> sorted_{};
  std::vector<std::size_t> starts_{};
  std::vector<std::size_t> batches_{};
};

}  // namespace bolt
