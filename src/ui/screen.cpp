#include <pthread.h>
#include <torchbolt/core/terminal.h>
#include <torchbolt/ui/screen.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <utility>

namespace bolt::ui {
namespace {

constexpr std::string_view kClearBelow = "\x1b[J";
constexpr std::string_view kClearRight = "\x1b[K";

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

Screen::Screen(int fd, Source source, Options options)
    : fd_(fd),
      source_(std::move(source)),
      options_(options),
      clock_(options.clock != nullptr ? *options.clock : system_clock()),
      terminal_(is_terminal(fd)) {
  if (terminal_) {
    cursor_.emplace(fd);
  } else {
    last_ = clock_.now();
  }
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

Screen::~Screen() { close(); }

void Screen::close() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
  const std::scoped_lock lock(mutex_);
  if (!drawn_.empty()) write_all(fd_, kClearBelow);
  drawn_.clear();
  cursor_.reset();
  closed_ = true;
}

// The last column stays free: in it, terminals differ in what they clear.
int Screen::width() const { return std::max(terminal_width(fd_) - 1, 1); }

void Screen::run(const std::stop_token& stop) {
  ::pthread_setname_np(::pthread_self(), "bolt-screen");
  const auto pause = terminal_ ? options_.frame : options_.plain;
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    draw();
    wake_.wait_for(lock, stop, pause, [] { return false; });
  }
}

void Screen::draw() {
  if (!due()) return;
  if (!terminal_) {
    const std::string line = source_.plain();
    if (!line.empty()) write_all(fd_, line + "\n");
    return;
  }
  const bool drawn = !drawn_.empty();
  look();
  if (drawn || !drawn_.empty()) write_all(fd_, frame_text());
}

bool Screen::due() {
  if (closed_) return false;
  const auto now = clock_.now();
  const auto apart = terminal_ ? options_.frame : options_.plain;
  if (last_ && now - *last_ < apart) return false;
  last_ = now;
  ++frames_;
  return true;
}

void Screen::look() {
  drawn_ = source_.lines(width());
  // A line is the cursor's.
  const auto room = static_cast<std::size_t>(terminal_size(fd_).rows - 1);
  if (drawn_.size() > room) drawn_.resize(room);
}

// One text for one write, so that nobody gets in between. It leaves the cursor
// where it was, and changes nothing before it.
std::string Screen::frame_text() {
  std::string text(cursor_->hide());
  text += kClearRight;
  if (drawn_.empty()) return text += kClearBelow;
  // Index (down, and the screen up where it ends) keeps the column, so that
  // there are as many lines below; then nothing that follows moves the screen.
  for (std::size_t k = 0; k < drawn_.size(); ++k)
    text +=
        "\x1b"
        "D";
  text += "\x1b[" + std::to_string(drawn_.size()) +
          "A\x1b"
          "7";
  for (const std::string& line : drawn_) {
    text += "\r\n" + line;
    text += kClearRight;
  }
  text += kClearBelow;
  return text +=
         "\x1b"
         "8";
}

void Screen::print(int fd, std::string_view text) {
  put(fd, std::string(text) + "\n", true);
}

void Screen::write(int fd, std::string_view text) { put(fd, text, false); }

void Screen::put(int fd, std::string_view text, bool own_line) {
  const std::scoped_lock lock(mutex_);
  if (!terminal_ || ::isatty(fd) == 0) return write_all(fd, text);
  const bool drawn = !drawn_.empty();
  if (due()) look();
  if (!drawn && drawn_.empty()) return write_all(fd, text);
  std::string all(kClearBelow);
  if (own_line) {
    // A line full of spaces stays in its line if that is empty, and goes on in
    // the next one behind what somebody else began ("^C", say).
    all.append(static_cast<std::size_t>(terminal_width(fd_)), ' ');
    all += "\r";
    all += kClearRight;
  }
  // A frame that isn't old moves down as it is.
  write_all(fd, all + std::string(text) + frame_text());
}

void Screen::refresh() {
  const std::scoped_lock lock(mutex_);
  if (terminal_) draw();
}

int64_t Screen::frames() const {
  const std::scoped_lock lock(mutex_);
  return frames_;
}

}  // namespace bolt::ui
