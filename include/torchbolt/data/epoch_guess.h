#pragma once

#include <torchbolt/export.h>

#include <cstdint>
#include <optional>

namespace bolt::detail {

/// Guesses the epoch of a loader's next pass, so that its first batches can be
/// made ready before anybody asks for them: as far on as the last two passes
/// were apart. That is 1 for most; 2 where every second epoch validates; 0
/// where an epoch validates several times.
class TORCHBOLT_API EpochGuess {
 public:
  /// A pass of this epoch is coming.
  void tell(int64_t epoch) {
    if (epoch_ && epoch >= *epoch_) step_ = epoch - *epoch_;
    epoch_ = epoch;
  }
  /// How far the pass after the coming one is from it; 0 when nobody counts.
  int64_t step() const { return epoch_ ? step_ : 0; }
  void forget() { *this = {}; }

 private:
  std::optional<int64_t> epoch_{};
  int64_t step_ = 1;
};

}  // namespace bolt::detail
