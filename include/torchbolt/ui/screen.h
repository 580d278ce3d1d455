#pragma once

#include <torchbolt/core/clock.h>
#include <torchbolt/core/cursor.h>
#include <torchbolt/export.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace bolt::ui {

/// Lines at the foot of a terminal that a thread of its own draws anew, at most
/// ten times a second, while other text goes above them untorn. Where there is
/// no terminal, `plain` is asked for a line now and then instead. Thread-safe.
///
/// Between two frames the cursor rests on an empty line above the drawn ones.
/// So text that somebody writes past the screen has that line for itself, and
/// whatever comes, nothing that was written is ever drawn over: all drawing
/// goes on below the cursor. docs/display.md says what that means for a user.
class TORCHBOLT_API Screen {
 public:
  /// What is drawn.
  struct Source {
    /// The lines as they are now, each of at most `width` columns. Called with
    /// the screen locked; must not call the screen.
    std::function<std::vector<std::string>(int width)> lines{};
    /// One line for a file; empty = nothing to say.
    std::function<std::string()> plain{};
  };
  /// How often it is drawn.
  struct Options {
    /// Time between two frames, at least.
    std::chrono::nanoseconds frame = std::chrono::milliseconds(100);
    /// Time between two plain lines, at least.
    std::chrono::nanoseconds plain = std::chrono::seconds(10);
    /// Null: the system's.
    const Clock* clock = nullptr;
  };

  /// Draws to the file descriptor `fd`.
  Screen(int fd, Source source, Options options);
  Screen(int fd, Source source) : Screen(fd, std::move(source), Options()) {}
  /// Calls close().
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  /// Writes a line of text to `fd` (the standard output, say), above the lines,
  /// in a line of its own.
  void print(int fd, std::string_view text);
  /// Writes text as it is; it may go on in a later call.
  void write(int fd, std::string_view text);
  /// Draws now, if a frame's time has passed.
  void refresh();
  /// Ends the thread and takes the lines away; the source isn't called again.
  /// What is written later still gets to where it belongs.
  void close();
  bool terminal() const { return terminal_; }
  /// Columns that a line may have now.
  int width() const;
  /// Frames drawn so far.
  int64_t frames() const;

 private:
  void run(const std::stop_token& stop);
  void draw();
  bool due();
  void look();
  void put(int fd, std::string_view text, bool own_line);
  std::string frame_text();

  int fd_;
  Source source_;
  Options options_;
  const Clock& clock_;
  bool terminal_;
  std::optional<HiddenCursor> cursor_{};
  mutable std::mutex mutex_{};
  std::condition_variable_any wake_{};
  std::vector<std::string> drawn_{};
  std::optional<Clock::TimePoint> last_{};
  int64_t frames_ = 0;
  bool closed_ = false;
  std::jthread thread_{};
};

}  // namespace bolt::ui
