#include <torchbolt/ui/rate.h>

namespace bolt::ui {
namespace {

constexpr std::chrono::seconds kWindow{30};
// Samples come with the frames, ten a second; closer ones say nothing new.
constexpr std::chrono::milliseconds kApart{50};

}  // namespace

void RateMeter::note(int64_t done, std::chrono::nanoseconds elapsed) {
  if (done <= 0) return;
  if (!samples_.empty() &&
      (samples_.back().done == done || elapsed - samples_.back().at < kApart)) {
    return;
  }
  samples_.push_back({done, elapsed});
  // Two stay, however old: a batch may take longer than the window.
  while (samples_.size() > 2 && samples_[1].at < elapsed - kWindow) {
    samples_.pop_front();
  }
}

double RateMeter::per_second() const {
  if (samples_.empty()) return 0;
  const Sample& last = samples_.back();
  // Of the first alone nothing is known but that it was done by then.
  const Sample first = samples_.size() > 1 ? samples_.front() : Sample{0, {}};
  const double seconds =
      std::chrono::duration<double>(last.at - first.at).count();
  return seconds > 0 ? static_cast<double>(last.done - first.done) / seconds
                     : 0;
}

}  // namespace bolt::ui
