#pragma once

#include <torchbolt/callbacks/progress_bar.h>
#include <torchbolt/core/clock.h>
#include <torchbolt/ui/bar.h>
#include <torchbolt/ui/rate.h>
#include <torchbolt/ui/screen.h>
#include <torchbolt/ui/streams.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "callbacks/log_above.h"

namespace bolt {

/// One bar: counted by the training thread, drawn by the screen's.
class CountedBar {
 public:
  CountedBar(const Clock& clock, int64_t refresh_rate)
      : clock_(clock), refresh_rate_(refresh_rate) {}

  void begin(std::string label, std::optional<int64_t> total);
  /// For the training thread.
  bool has_begun() const { return begun_; }
  /// So many are done. The first call may be further on: a resumed epoch.
  void reach(int64_t done) {
    if (done > 1 && done_.load(std::memory_order_relaxed) == 0) {
      begin_at(done - 1);
    }
    done_.store(done, std::memory_order_relaxed);
  }
  /// Time that passes until `resume` is not the bar's.
  void pause();
  void resume();
  void set_metrics(std::vector<std::string> metrics);
  void hide();
  /// What to draw; none while it is hidden.
  std::optional<ui::BarState> look();
  /// The same at the end, with the rate over the whole time.
  std::optional<ui::BarState> look_back();

 private:
  void begin_at(int64_t done);
  std::chrono::nanoseconds elapsed() const;

  const Clock& clock_;
  int64_t refresh_rate_;
  std::mutex mutex_{};
  ui::BarState state_{};
  ui::RateMeter rate_{};
  int64_t first_ = 0;
  Clock::TimePoint started_{};
  std::optional<Clock::TimePoint> paused_{};
  bool shown_ = false;
  bool begun_ = false;
  std::atomic<int64_t> done_{0};
};

/// What the screen's thread may touch, and nothing of the Trainer.
class ProgressBar::Display {
 public:
  Display(const ProgressBarOptions& options, const Clock& clock);
  ~Display();
  Display(const Display&) = delete;
  Display& operator=(const Display&) = delete;

  /// Writes a line above the bars.
  void print(std::string_view line);
  /// Leaves a bar, as it is, as a line.
  void leave(CountedBar& bar);
  const std::shared_ptr<ui::Screen>& screen() const { return screen_; }

  CountedBar epoch;
  CountedBar evaluation;
  /// Set by the screen's thread: the metrics that it shows are old.
  std::atomic<bool> wants_metrics{true};

 private:
  std::vector<std::string> lines(int width);
  std::string plain();

  ProgressBarOptions options_;
  ui::Style style_;
  std::shared_ptr<ui::Screen> screen_;
  std::optional<LogAbove> log_{};
  std::optional<ui::StreamsAbove> streams_{};
};

}  // namespace bolt
