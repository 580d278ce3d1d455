#pragma once

#include <torchbolt/data/batch_feed.h>
#include <torchbolt/data/batch_plan.h>
#include <torchbolt/data/dataset.h>
#include <torchbolt/data/loader.h>
#include <torchbolt/data/source_iterator.h>

#include <iterator>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace bolt {

/// Batches of a dataset: any type that fulfils Dataset, such as TensorDataset,
/// a vector of samples, or a dataset of torch::data. Its order depends on
/// (seed, epoch) alone, and its position is state, so that a run goes on with
/// the batch after the last one. With `num_workers` threads load ahead, also
/// across the end of a pass; the batches are the same, bit for bit, however
/// many there are. One pass at a time, used by one thread.
///
///     bolt::DataLoader train(bolt::TensorDataset(x, y),
///                            {.batch_size = 64, .shuffle = true,
///                             .num_workers = 2});
///     trainer.fit(model, train);
///     for (const auto& batch : train) …      // by hand works as well
///
/// What the dataset throws arrives where the batch is asked for: a
/// std::exception as a DataError that names the sample, with the exception
/// itself nested in it (std::rethrow_if_nested); anything else unchanged. The
/// batch counts as given out, and the next one can be asked for.
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
        options_(options),
        feed_(detail::dataset_size(detail::dataset_of(dataset_)), options,
              detail::kDrawsRandomNumbers<D>,
              [data = dataset_.get()](detail::BatchSlice& slice,
                                      AnyBatch& batch) {
                batch.emplace<BatchType>(fetch(*data, slice));
              }) {}
  /// The same loader, whose next pass is the one that this one's would be; the
  /// dataset is shared.
  DataLoader(const DataLoader& other)
      : DataLoader(other.dataset_, other.options_) {
    feed_.follow(other.feed_);
  }
  DataLoader& operator=(const DataLoader&) = delete;

  /// What a run reads from when it is given this loader by name.
  std::shared_ptr<BatchSource> cursor() const {
    return std::make_shared<DataLoader>(*this);
  }

  D& dataset() const { return *dataset_; }
  const BatchOps& ops() const override { return batch_ops<BatchType>(); }
  std::optional<int64_t> size() const override { return feed_.size(); }
  void set_epoch(int64_t epoch) override { feed_.set_epoch(epoch); }
  void set_limit(int64_t batches) override { feed_.set_limit(batches); }
  void start() override { feed_.start(); }
  /// Draws another order and other random numbers for the same epoch.
  void restart() override { feed_.restart(); }
  bool next(AnyBatch& batch) override { return feed_.next(batch); }
  void close() override { feed_.close(); }
  bool shuffled() const override { return feed_.shuffles(); }
  void keep_order(bool keep) override { feed_.keep_order(keep); }
  State state() const override { return feed_.state(); }
  void load_state(const State& state) override { feed_.load_state(state); }

  /// Reads the batches by hand.
  using Iterator = detail::SourceIterator<BatchType>;
  Iterator begin() {
    feed_.set_limit(feed_.size());
    start();
    return Iterator(*this);
  }
  std::default_sentinel_t end() const { return {}; }

 private:
  static BatchType fetch(D& dataset, detail::BatchSlice& slice) {
    if (!slice.indices.empty()) {
      return detail::gather(dataset, slice.indices, slice.rng);
    }
    if constexpr (detail::RangeDataset<D>) {
      return dataset.get_range(slice.first, slice.count);
    } else {
      std::vector<int64_t> counted(static_cast<std::size_t>(slice.count));
      std::iota(counted.begin(), counted.end(), slice.first);
      return detail::gather(dataset, std::span<const int64_t>(counted),
                            slice.rng);
    }
  }

  std::shared_ptr<D> dataset_;
  DataLoaderOptions options_;
  detail::BatchFeed feed_;  // last: its threads use the dataset
};

template <class D>
DataLoader(D, DataLoaderOptions) -> DataLoader<D>;
template <class D>
DataLoader(std::shared_ptr<D>, DataLoaderOptions) -> DataLoader<D>;

}  // namespace bolt
