#pragma once

#include <torchbolt/export.h>

#include <chrono>
#include <cstdint>
#include <deque>

namespace bolt::ui {

/// How fast something goes on now: over the last half minute, and not counting
/// the first item, which is often a slow one.
class TORCHBOLT_API RateMeter {
 public:
  /// So many were done after so long. Neither may go back.
  void note(int64_t done, std::chrono::nanoseconds elapsed);
  /// Items a second; 0 where it isn't known yet.
  double per_second() const;
  void reset() { samples_.clear(); }

 private:
  struct Sample {
    int64_t done;
    std::chrono::nanoseconds at;
  };
  std::deque<Sample> samples_{};
};

}  // namespace bolt::ui
