#pragma once

#include <torchbolt/core/clock.h>

namespace bolt::testing {

/// A clock that stands until a test moves it.
class FakeClock final : public Clock {
 public:
  TimePoint now() const override { return now_; }
  void advance(std::chrono::nanoseconds time) { now_ += time; }

 private:
  TimePoint now_{std::chrono::hours(1)};
};

}  // namespace bolt::testing
