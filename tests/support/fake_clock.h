#pragma once

#include <torchbolt/core/clock.h>

#include <atomic>

namespace bolt::testing {

/// A clock that stands until a test moves it. Thread-safe.
class FakeClock final : public Clock {
 public:
  TimePoint now() const override { return TimePoint(now_.load()); }
  void advance(std::chrono::nanoseconds time) { now_ = now_.load() + time; }

 private:
  std::atomic<TimePoint::duration> now_{std::chrono::hours(1)};
};

}  // namespace bolt::testing
