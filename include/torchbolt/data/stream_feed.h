#pragma once

#include <torchbolt/data/batch.h>
#include <torchbolt/data/epoch_guess.h>
#include <torchbolt/export.h>
#include <torchbolt/state/rng.h>
#include <torchbolt/state/state.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

namespace bolt {

/// Which part of a stream a source is to give, and for which epoch.
struct StreamShard {
  /// This part, of `count`.
  int64_t index = 0;
  int64_t count = 1;
  int64_t epoch = 0;
  /// For what is random in it: a function of (seed, epoch, index).
  Rng rng{0};
};

/// Settings of StreamLoader.
struct StreamLoaderOptions {
  /// Samples in a batch, at least 1.
  int64_t batch_size = 1;
  /// Leaves out a last batch that isn't full.
  bool drop_last = false;
  /// Threads that read ahead, each from a copy of the source; 0: the caller's
  /// own, when it asks.
  int64_t num_workers = 0;
  /// Batches that may wait for each thread, at least 1.
  int64_t prefetch_factor = 2;
  /// Batches of an epoch, where the source doesn't end by itself.
  std::optional<int64_t> epoch_length{};
  /// Seed of `StreamShard::rng`; none: that of torch's generator.
  std::optional<uint64_t> seed{};
};

namespace detail {

class StreamThreads;

/// A source as the threads see it; one thread uses it at a time.
class TORCHBOLT_API StreamReader {
 public:
  virtual ~StreamReader() = default;
  virtual void start(const StreamShard& shard) = 0;
  /// The next batch; false at the end.
  virtual bool read(AnyBatch& batch) = 0;
  /// None for sources without a state.
  virtual State state() const = 0;
  virtual void load_state(const State& state) = 0;
};

/// Throws ConfigError. `splits`: the source can give a part of itself.
TORCHBOLT_API void check_stream(const StreamLoaderOptions& options,
                                bool splits);
/// Passes on the exception at hand, with what was being read.
[[noreturn]] TORCHBOLT_API void rethrow_with_position(const char* what,
                                                      int64_t index,
                                                      const StreamShard& shard);

/// The passes of a StreamLoader, compiled once for all sources: batch after
/// batch from one reader after the other, those left out that have ended.
class TORCHBOLT_API StreamFeed {
 public:
  using Readers = std::vector<std::unique_ptr<StreamReader>>;

  StreamFeed(Readers readers, const StreamLoaderOptions& options);
  ~StreamFeed();

  std::optional<int64_t> size() const { return options_.epoch_length; }
  void set_epoch(int64_t epoch);
  void set_limit(int64_t batches) { limit_ = batches; }
  void start();
  /// Passes on what the source threw, in its batch's turn.
  bool next(AnyBatch& batch);
  void close();
  /// {seed, epoch, position, turn, lanes: [{given, ended, source}]}
  State state() const;
  void load_state(const State& state);

 private:
  friend class StreamThreads;
  // What has been given out of one reader in this pass.
  struct Lane {
    int64_t given = 0;
    bool ended = false;
    State source{};
  };

  int64_t length() const;
  StreamShard shard(std::size_t reader, int64_t epoch) const;
  bool read(std::size_t reader, AnyBatch& batch);
  void begin_at(std::size_t reader, const Lane& from, int64_t epoch);
  void look_ahead();

  Readers readers_;
  StreamLoaderOptions options_;
  uint64_t seed_;
  int64_t epoch_ = 0;
  EpochGuess guess_{};
  int64_t limit_ = std::numeric_limits<int64_t>::max();
  int64_t position_ = 0;
  std::size_t turn_ = 0;
  std::vector<Lane> lanes_;
  bool resuming_ = false;
  // The epoch that the threads have begun unasked.
  std::optional<int64_t> ahead_{};
  std::unique_ptr<StreamThreads> threads_{};  // last: they use the readers
};

}  // namespace detail
}  // namespace bolt
