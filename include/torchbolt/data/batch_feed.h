#pragma once

#include <torchbolt/data/batch.h>
#include <torchbolt/data/batch_plan.h>
#include <torchbolt/data/epoch_guess.h>
#include <torchbolt/export.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>

namespace bolt::detail {

class LoaderThreads;

/// The passes of a DataLoader, compiled once for all datasets: where a pass
/// stands, and who loads its batches, the caller or threads that work ahead.
class TORCHBOLT_API BatchFeed {
 public:
  /// Loads the batch of a slice. Called from several threads when
  /// `num_workers` is above 0.
  using Load = std::function<void(BatchSlice& slice, AnyBatch& batch)>;

  /// `random`: batches of one slice differ from epoch to epoch. Throws
  /// ConfigError.
  BatchFeed(int64_t samples, const DataLoaderOptions& options, bool random,
            Load load);
  ~BatchFeed();

  /// Takes over where another feed of the same data would begin its next pass.
  void follow(const BatchFeed& other);

  int64_t size() const { return plan_.size(); }
  bool shuffles() const { return plan_.shuffles(); }
  void keep_order(bool keep);
  void set_epoch(int64_t epoch);
  void set_limit(int64_t batches) { limit_ = batches; }
  void start();
  void restart();
  /// Passes on what `load` threw, in its batch's turn; the batch counts as
  /// given out.
  bool next(AnyBatch& batch);
  /// Ends the threads, and forgets limit and epochs; the next `start` begins
  /// anew.
  void close();

  /// The plan's, and {epoch, pass, position}: batches given out in this pass,
  /// whatever waits in the threads.
  State state() const;
  void load_state(const State& state);

 private:
  void begin();
  // What order and random numbers of a pass depend on, with the seed.
  int64_t pass_key() const { return epoch_ + (pass_ << 32); }

  BatchPlan plan_;
  int64_t num_workers_;
  int64_t prefetch_factor_;
  bool random_;
  Load load_;
  int64_t epoch_ = 0;
  // Passes of this epoch before this one.
  int64_t pass_ = 0;
  EpochGuess guess_{};
  int64_t limit_ = std::numeric_limits<int64_t>::max();
  int64_t position_ = 0;
  std::optional<int64_t> resume_at_{};
  std::unique_ptr<LoaderThreads> threads_{};
};

}  // namespace bolt::detail
