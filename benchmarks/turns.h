#pragma once

#include <condition_variable>
#include <mutex>

// Two sides, each on a thread of its own, of which one works at a time.

namespace paired {

class Turns {
 public:
  explicit Turns(int first) : turn_(first) {}

  /// Waits until it is the turn of `side` (0 or 1), or the other one has left.
  void await(int side) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return turn_ == side || alone_; });
  }
  /// Lets the other side work, until it passes its turn or leaves.
  void pass(int side) {
    give(side, false);
    await(side);
  }
  void leave(int side) { give(side, true); }

 private:
  void give(int side, bool for_good) {
    {
      const std::lock_guard lock(mutex_);
      turn_ = 1 - side;
      alone_ = alone_ || for_good;
    }
    changed_.notify_one();
  }

  std::mutex mutex_{};
  std::condition_variable changed_{};
  int turn_;
  bool alone_ = false;
};

}  // namespace paired
