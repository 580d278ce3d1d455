#pragma once

#include <torchbolt/data/loader.h>
#include <torchbolt/trainer/trainer.h>

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace bolt::detail {

/// Brings the batches of one or several loaders, one loader after the other,
/// each up to its limit, and knows of each batch whether it is the last: where
/// the length isn't known, by fetching one ahead.
class Fetcher {
 public:
  struct Fetched {
    AnyBatch batch{};
    int64_t batch_idx = 0;
    int64_t dataloader_idx = 0;
  };

  Fetcher() = default;
  /// `limits`: batches of each loader, or of each that is part of a combined
  /// one; kUnknownBatches = all there are.
  Fetcher(Loaders loaders, std::vector<int64_t> limits);

  const Loaders& loaders() const { return loaders_; }
  /// Batches of a pass, or kUnknownBatches.
  int64_t length() const { return length_; }
  /// Begins a pass; `epoch` is told to loaders whose order depends on it.
  void start(std::optional<int64_t> epoch);
  /// The next batch, or null at the end. Valid until the next call.
  Fetched* next();
  /// Where the first loader stands behind the batch given last: its own state
  /// and the number of batches. `track_state()` before `start()` sees to it
  /// that a batch fetched ahead doesn't count.
  /// `before`: as if that batch hadn't been given.
  State state(bool before) const;
  /// Batches of this pass that were given.
  int64_t given() const { return in_loader_ - (ahead_ ? 1 : 0); }
  void track_state() { tracks_ = true; }
  /// The next `start()` goes on there; where that pass was over, behind it. A
  /// loader without a state is read again up to there.
  void load_state(const State& state, bool pass_is_over);

  /// Whether the batch given last is the last one.
  bool done() const { return done_; }

 private:
  void resume();
  void fetch_ahead();
  bool pull(Fetched& into);
  bool begin_loader();

  Loaders loaders_{};
  std::vector<int64_t> limits_{};
  int64_t length_ = 0;
  std::optional<int64_t> epoch_{};
  std::array<Fetched, 2> slots_{};
  // The slot fetched ahead, where the length isn't known.
  bool ahead_ = false;
  std::size_t front_ = 0;
  std::size_t loader_ = 0;
  bool loader_started_ = false;
  int64_t in_loader_ = 0;
  int64_t fetched_ = 0;
  bool done_ = true;
  bool tracks_ = false;
  // Of the first loader, before a batch was fetched ahead.
  State before_ahead_{};

  struct Resume {
    State loader{};
    int64_t batches = 0;
    bool done = false;
    // The loader's state is of a later batch of the pass, which begins again.
    bool again = false;
    bool pass_is_over = false;
  };
  std::optional<Resume> resume_{};
  // Of the first loader, in a pass that had ended when it was taken back.
  std::optional<State> ended_{};
  // Batches that are read again, and let go, as the pass begins.
  int64_t skip_ = 0;
};

}  // namespace bolt::detail
