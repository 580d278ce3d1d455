#pragma once

#include <algorithm>
#include <chrono>

namespace bolt::detail {

/// A time to wait, as much of it as a clock can count: `wait_for` adds it to
/// the time that it is, which `nanoseconds::max()` would carry into the past.
template <class Rep, class Period>
std::chrono::duration<Rep, Period> waitable(
    std::chrono::duration<Rep, Period> wait) {
  using Wait = std::chrono::duration<Rep, Period>;
  constexpr std::chrono::hours kLongest{24 * 365};
  return std::clamp(wait, Wait::zero(), Wait(kLongest));
}

}  // namespace bolt::detail
