#pragma once

#include <torchbolt/data/sampler.h>
#include <torchbolt/export.h>
#include <torchbolt/state/rng.h>
#include <torchbolt/state/state.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

namespace bolt {

/// Settings of DataLoader.
struct DataLoaderOptions {
  /// Samples in a batch, at least 1.
  int64_t batch_size = 1;
  /// Draws a new order each epoch.
  bool shuffle = false;
  /// Leaves out a last batch that isn't full.
  bool drop_last = false;
  /// Seed of the order; none: that of torch's generator (`torch::manual_seed`).
  std::optional<uint64_t> seed{};
  /// Threads that load ahead; 0: the caller's own, when it asks. The dataset is
  /// shared: what reads it must be safe to call from several threads at once.
  int64_t num_workers = 0;
  /// Batches that may wait for each thread, at least 1.
  int64_t prefetch_factor = 2;
  /// The order of the samples, in place of `shuffle`.
  std::shared_ptr<Sampler> sampler{};
  /// Which samples make a batch, in place of all of the above but the threads.
  std::shared_ptr<BatchSampler> batch_sampler{};
};

namespace detail {

/// The samples of a batch.
struct BatchSlice {
  int64_t first = 0;
  int64_t count = 0;
  /// Empty: first, first + 1, …
  std::span<const int64_t> indices{};
  /// For what is random in the batch: a function of (seed, epoch, batch).
  Rng rng{0};
};

/// What of a DataLoader doesn't depend on the dataset: which samples are in
/// which batch. Batch k of an epoch is a function of (seed, epoch, k).
class TORCHBOLT_API BatchPlan {
 public:
  /// Throws ConfigError.
  BatchPlan(int64_t samples, const DataLoaderOptions& options);

  /// A copy draws its own orders; samplers of the user's are shared.
  BatchPlan(const BatchPlan& other);
  BatchPlan& operator=(const BatchPlan& other);
  ~BatchPlan() = default;

  /// Batches of an epoch.
  int64_t size() const;
  /// A batch of an epoch; its indices are valid until the next call.
  BatchSlice at(int64_t epoch, int64_t batch);
  /// Whether the order changes from epoch to epoch.
  bool shuffles() const;
  /// Gives up shuffling, or takes it up again.
  void keep_order(bool keep);

  /// {seed, samples, batches, batch_size, shuffle, drop_last}
  State state() const;
  /// Throws CheckpointError when the data is not what it was.
  void load_state(const State& state);

 private:
  void draw(int64_t epoch);
  void check_order(std::span<const int64_t> order, int64_t most) const;

  int64_t data_size_;  // samples of the dataset
  int64_t samples_;    // samples of an epoch
  int64_t batch_size_;
  bool drop_last_;
  bool shuffle_;
  bool in_order_ = false;
  uint64_t seed_;
  std::shared_ptr<Sampler> sampler_;
  std::shared_ptr<BatchSampler> batch_sampler_;
  // Copies of a loader share the user's sampler.
  std::shared_ptr<std::mutex> sampler_mutex_ = std::make_shared<std::mutex>();
  // The order of the epoch asked for last, or one batch of it: a copy, since
  // another loader may ask the sampler next.
  std::optional<int64_t> epoch_{};
  std::vector<int64_t> order_{};
};

}  // namespace detail
}  // namespace bolt
