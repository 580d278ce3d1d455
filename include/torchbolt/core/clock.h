#pragma once

#include <torchbolt/export.h>

#include <chrono>

namespace bolt {

/// Time as the library sees it; tests give one that they move themselves.
/// Thread-safe implementations only.
class TORCHBOLT_API Clock {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  virtual ~Clock() = default;
  /// For lengths of time.
  virtual TimePoint now() const = 0;
};

/// The machine's clock.
TORCHBOLT_API const Clock& system_clock();

}  // namespace bolt
