#include <pthread.h>
#include <torchbolt/core/terminal.h>
#include <torchbolt/ui/screen.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace bolt::ui {
namespace {

constexpr std::chrono::milliseconds kRedraw{100};
constexpr std::chrono::seconds kPlainLine{10};

// A terminal that went away is no reason to end a training.
void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace

Screen::Screen(int fd, Source source)
    : fd_(fd),
      source_(std::move(source)),
      terminal_(is_terminal(fd)),
      colour_(allows_colour(fd)),
      last_plain_(std::chrono::steady_clock::now()),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

Screen::~Screen() {
  thread_.request_stop();
  thread_.join();
  const std::scoped_lock lock(mutex_);
  clear();
}

void Screen::run(const std::stop_token& stop) {
  ::pthread_setname_np(::pthread_self(), "bolt-screen");
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    draw();
    wake_.wait_for(lock, stop, kRedraw, [] { return false; });
  }
}

void Screen::draw() {
  if (!terminal_) {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_plain_ < kPlainLine) return;
    last_plain_ = now;
    const std::string line = source_.plain();
    if (!line.empty()) write_all(fd_, line + "\n");
    return;
  }
  const std::vector<std::string> lines =
      source_.lines(terminal_width(fd_), colour_);
  // One write, so that a line is never seen half drawn.
  std::string text;
  if (drawn_ > 1) text += "\x1b[" + std::to_string(drawn_ - 1) + "A";
  text += "\r";
  for (std::size_t k = 0; k < lines.size(); ++k) {
    text += (k == 0 ? "" : "\n") + lines[k] + "\x1b[K";
  }
  text += "\x1b[J";
  write_all(fd_, text);
  drawn_ = lines.size();
}

void Screen::clear() {
  if (!terminal_ || drawn_ == 0) return;
  std::string text;
  if (drawn_ > 1) text += "\x1b[" + std::to_string(drawn_ - 1) + "A";
  write_all(fd_, text + "\r\x1b[J");
  drawn_ = 0;
}

void Screen::print(int fd, std::string_view text) {
  const std::scoped_lock lock(mutex_);
  clear();
  write_all(fd, std::string(text) + "\n");
  if (terminal_) draw();
}

void Screen::refresh() {
  const std::scoped_lock lock(mutex_);
  if (terminal_) draw();
}

}  // namespace bolt::ui
