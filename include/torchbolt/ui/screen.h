#pragma once

#include <torchbolt/export.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace bolt::ui {

/// Lines at the foot of a terminal that a thread of its own draws anew, ten
/// times a second, while other text goes above them untorn. Where there is no
/// terminal, `plain` is asked for a line every few seconds instead.
/// Thread-safe.
class TORCHBOLT_API Screen {
 public:
  /// What is drawn.
  struct Source {
    /// The lines as they are now, for a terminal of this width. Called on the
    /// screen's thread, or on that of who calls print().
    std::function<std::vector<std::string>(int width, bool colour)> lines{};
    /// One line for a file; empty = nothing to say.
    std::function<std::string()> plain{};
  };

  /// Draws to the file descriptor `fd`.
  Screen(int fd, Source source);
  /// Ends the thread and takes the lines away.
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  /// Writes text to `fd` (the standard output, say), above the lines.
  void print(int fd, std::string_view text);
  /// Draws now.
  void refresh();
  bool terminal() const { return terminal_; }

 private:
  void run(const std::stop_token& stop);
  void draw();
  void clear();

  int fd_;
  Source source_;
  bool terminal_;
  bool colour_;
  std::mutex mutex_{};
  std::condition_variable_any wake_{};
  std::size_t drawn_ = 0;
  std::chrono::steady_clock::time_point last_plain_{};
  std::jthread thread_{};
};

}  // namespace bolt::ui
