#pragma once

#include <torchbolt/data/dataset.h>
#include <torchbolt/data/loader.h>
#include <torchbolt/data/source_iterator.h>
#include <torchbolt/data/stream_feed.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace bolt {

/// What a StreamLoader can read: has `next()`, which gives a std::optional of a
/// sample, and none at the end. It may have
///
///  - `start(const StreamShard&)`, called before each pass. Without it a pass
///    goes on where the one before ended, and one thread at most reads;
///  - `state()` and `load_state(State)`, its position. Without them a resumed
///    pass is read again up to where it was.
template <class S>
concept Stream = std::move_constructible<S> && requires(S& s) {
  *s.next();
  static_cast<bool>(s.next());
};

namespace detail {

template <class S>
concept RestartingStream =
    requires(S& s, const StreamShard& shard) { s.start(shard); };

template <class S>
class SourceReader final : public StreamReader {
 public:
  using Sample = std::remove_cvref_t<decltype(*std::declval<S&>().next())>;
  using BatchType = decltype(collate_samples(std::vector<Sample>()));

  SourceReader(S source, const StreamLoaderOptions& options)
      : source_(std::move(source)),
        batch_size_(options.batch_size),
        drop_last_(options.drop_last) {}

  void start(const StreamShard& shard) override {
    shard_ = shard;
    read_ = 0;
    over_ = false;
    if constexpr (RestartingStream<S>) source_.start(shard);
  }

  bool read(AnyBatch& batch) override {
    std::vector<Sample> samples;
    samples.reserve(static_cast<std::size_t>(batch_size_));
    while (!over_ && static_cast<int64_t>(samples.size()) < batch_size_) {
      try {
        auto sample = source_.next();
        if (sample) {
          samples.push_back(std::move(*sample));
        } else {
          over_ = true;
        }
      } catch (...) {
        rethrow_with_position("sample", read_++, shard_);
      }
      read_ += over_ ? 0 : 1;
    }
    const bool whole = static_cast<int64_t>(samples.size()) == batch_size_;
    if (samples.empty() || (drop_last_ && !whole)) return false;
    batch.emplace<BatchType>(collate_samples(std::move(samples)));
    return true;
  }

  State state() const override {
    if constexpr (requires(const S& s) {
                    { s.state() } -> std::convertible_to<State>;
                  }) {
      return source_.state();
    } else {
      return {};
    }
  }
  void load_state(const State& state) override {
    if constexpr (requires(S& s) { s.load_state(state); }) {
      source_.load_state(state);
    }
  }

 private:
  S source_;
  int64_t batch_size_;
  bool drop_last_;
  StreamShard shard_{};
  int64_t read_ = 0;  // samples of this pass
  bool over_ = false;
};

}  // namespace detail

/// Batches of a source that gives one sample after the other, of unknown number
/// or without end: a file that is read line by line, a socket, a simulation.
/// With an endless one set `epoch_length` here, or `limit_train_batches` in the
/// Trainer. One pass at a time, used by one thread.
///
///     struct Numbers {
///       void start(const bolt::StreamShard& shard) {
///         at = shard.index, step = shard.count;
///       }
///       std::optional<torch::Tensor> next() {
///         return torch::tensor(std::exchange(at, at + step));
///       }
///       int64_t at = 0, step = 1;
///     };
///     bolt::StreamLoader train(Numbers(), {.batch_size = 32,
///                                          .num_workers = 2,
///                                          .epoch_length = 1000});
///
/// Each of `num_workers` threads reads from a copy of the source, which learns
/// from its StreamShard which part is its own: a source that doesn't look gives
/// every sample once per thread. Batch k comes from thread k mod num_workers,
/// those left out that have ended; so the order depends on their number, and
/// not on their speed. What was read ahead is let go
/// when the run ends, or a pass is broken off.
///
/// What the source throws arrives where the batch is asked for: a
/// std::exception as a DataError that names the sample, with the exception
/// itself nested in it; anything else unchanged. The batch counts as given out,
/// and the next one can be asked for.
template <Stream S>
class StreamLoader final : public BatchSource {
 public:
  using BatchType = typename detail::SourceReader<S>::BatchType;

  /// Throws ConfigError naming the option.
  explicit StreamLoader(S source, const StreamLoaderOptions& options = {})
      : feed_(std::make_unique<detail::StreamFeed>(
            readers(std::move(source), options), options)) {}

  const BatchOps& ops() const override { return batch_ops<BatchType>(); }
  std::optional<int64_t> size() const override { return feed_->size(); }
  void set_epoch(int64_t epoch) override { feed_->set_epoch(epoch); }
  void set_limit(int64_t batches) override { feed_->set_limit(batches); }
  void start() override { feed_->start(); }
  bool next(AnyBatch& batch) override { return feed_->next(batch); }
  void close() override { feed_->close(); }
  State state() const override { return feed_->state(); }
  void load_state(const State& state) override { feed_->load_state(state); }

  /// Reads the batches by hand.
  detail::SourceIterator<BatchType> begin() {
    set_limit(std::numeric_limits<int64_t>::max());
    start();
    return detail::SourceIterator<BatchType>(*this);
  }
  std::default_sentinel_t end() const { return {}; }

 private:
  static detail::StreamFeed::Readers readers(
      S source, const StreamLoaderOptions& options) {
    constexpr bool kSplits =
        detail::RestartingStream<S> && std::copy_constructible<S>;
    detail::check_stream(options, kSplits);
    detail::StreamFeed::Readers all;
    if constexpr (kSplits) {
      for (int64_t k = 1; k < options.num_workers; ++k) {
        all.push_back(
            std::make_unique<detail::SourceReader<S>>(source, options));
      }
    }
    all.push_back(
        std::make_unique<detail::SourceReader<S>>(std::move(source), options));
    return all;
  }

  // Not by value: a temporary loader is moved to where it is kept.
  std::unique_ptr<detail::StreamFeed> feed_;
};

template <class S>
StreamLoader(S, StreamLoaderOptions) -> StreamLoader<S>;

}  // namespace bolt
