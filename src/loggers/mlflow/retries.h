#pragma once

#include <torchbolt/core/clock.h>

#include <chrono>
#include <optional>
#include <random>

namespace bolt::detail {

/// When one kind of request is tried again that failed: after 1 s, 2 s, … 60 s,
/// or when the server says.
class MlflowRetries {
 public:
  MlflowRetries();

  /// Not before then.
  Clock::TimePoint at() const { return at_; }
  bool is_failing() const { return failures_ > 0; }
  void succeeded();
  void failed(Clock::TimePoint now, std::optional<std::chrono::seconds> told);
  /// Somebody waits: at once, and then each second, unless the server said
  /// when.
  void hurry(bool on);

 private:
  Clock::TimePoint at_{};
  int failures_ = 0;
  bool told_when_ = false;
  bool hurries_ = false;
  std::minstd_rand random_{};
};

}  // namespace bolt::detail
