#pragma once

#include <torchbolt/data/dataset.h>
#include <torchbolt/data/loader.h>
#include <torchbolt/data/sampler.h>
#include <torchbolt/export.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <utility>

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
  /// Threads that load ahead. They come with a later version; 0 is all there
  /// is.
  int64_t num_workers = 0;
};

namespace detail {

/// What of a DataLoader doesn't depend on the dataset: which samples are in
/// which batch. Batch k of an epoch is a function of (seed, epoch, k).
class TORCHBOLT_API BatchPlan {
 public:
  /// Throws ConfigError.
  BatchPlan(int64_t samples, const DataLoaderOptions& options);

  int64_t batches() const;
  void set_epoch(int64_t epoch) { epoch_ = epoch; }
  void start();
  /// The next batch's samples; none at the end.
  struct Slice {
    int64_t first = 0;
    int64_t count = 0;
    /// Empty: first, first + 1, …
    std::span<const int64_t> indices{};
    /// For what is random in the batch: a function of (seed, epoch, batch).
    Rng rng;
  };
  std::optional<Slice> next();
  bool shuffled() const { return shuffle_; }
  void keep_order();
  /// {seed, epoch, position, samples, batch_size, shuffle, drop_last}
  State state() const;
  /// Throws CheckpointError when the data is not what it was.
  void load_state(const State& state);

 private:
  int64_t samples_;
  int64_t batch_size_;
  bool drop_last_;
  bool shuffle_;
  uint64_t seed_;
  std::unique_ptr<Sampler> sampler_{};
  int64_t epoch_ = 0;
  int64_t position_ = 0;  // batches given out in this pass
  std::optional<int64_t> resume_at_{};
  std::span<const int64_t> order_{};
};

}  // namespace detail

/// Batches of a dataset: any type that fulfils Dataset, such as TensorDataset,
/// a vector of samples, or a dataset of torch::data. Its order depends on
/// (seed, epoch) alone, and its position is state, so that a run goes on with
/// the batch after the last one. One pass at a time, used by one thread.
///
///     bolt::DataLoader train(bolt::TensorDataset(x, y),
///                            {.batch_size = 64, .shuffle = true});
///     trainer.fit(model, train);
///     for (const auto& batch : train) …      // by hand works as well
template <Dataset D>
class DataLoader final : public BatchSource {
 public:
  using BatchType = decltype(detail::gather(
      std::declval<D&>(), std::span<const int64_t>(), std::declval<Rng&>()));

  /// Keeps the dataset. Throws ConfigError naming the option.
  explicit DataLoader(D dataset, const DataLoaderOptions& options = {})
      : DataLoader(std::make_shared<D>(std::move(dataset)), options) {}
  /// Shares the dataset.
  explicit DataLoader(std::shared_ptr<D> dataset,
                      const DataLoaderOptions& options = {})
      : dataset_(std::move(dataset)),
        plan_(detail::dataset_size(*dataset_), options) {}

  D& dataset() const { return *dataset_; }
  const BatchOps& ops() const override { return batch_ops<BatchType>(); }
  std::optional<int64_t> size() const override { return plan_.batches(); }
  void set_epoch(int64_t epoch) override { plan_.set_epoch(epoch); }
  void start() override { plan_.start(); }
  bool shuffled() const override { return plan_.shuffled(); }
  void keep_order() override { plan_.keep_order(); }
  State state() const override { return plan_.state(); }
  void load_state(const State& state) override { plan_.load_state(state); }

  bool next(AnyBatch& batch) override {
    auto slice = plan_.next();
    if (!slice) return false;
    batch.emplace<BatchType>(fetch(*slice));
    return true;
  }

  /// Reads the batches by hand.
  class Iterator {
   public:
    using value_type = BatchType;
    using difference_type = std::ptrdiff_t;
    explicit Iterator(DataLoader& loader) : loader_(&loader) { ++*this; }
    BatchType& operator*() const { return batch_->template as<BatchType>(); }
    Iterator& operator++() {
      if (!loader_->next(*batch_)) loader_ = nullptr;
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const {
      return loader_ == nullptr;
    }

   private:
    DataLoader* loader_;
    std::shared_ptr<AnyBatch> batch_ = std::make_shared<AnyBatch>();
  };
  Iterator begin() {
    start();
    return Iterator(*this);
  }
  std::default_sentinel_t end() const { return {}; }

 private:
  BatchType fetch(detail::BatchPlan::Slice& slice) {
    if (!slice.indices.empty()) {
      return detail::gather(*dataset_, slice.indices, slice.rng);
    }
    if constexpr (detail::RangeDataset<D>) {
      return dataset_->get_range(slice.first, slice.count);
    } else {
      counted_.resize(static_cast<std::size_t>(slice.count));
      for (int64_t k = 0; k < slice.count; ++k) {
        counted_[static_cast<std::size_t>(k)] = slice.first + k;
      }
      return detail::gather(*dataset_, std::span<const int64_t>(counted_),
                            slice.rng);
    }
  }

  std::shared_ptr<D> dataset_;
  detail::BatchPlan plan_;
  std::vector<int64_t> counted_{};
};

template <class D>
DataLoader(D, DataLoaderOptions) -> DataLoader<D>;
template <class D>
DataLoader(std::shared_ptr<D>, DataLoaderOptions) -> DataLoader<D>;

}  // namespace bolt
