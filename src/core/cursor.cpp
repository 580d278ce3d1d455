#include <torchbolt/core/cursor.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <mutex>

#include "core/cursor_signals.h"

namespace bolt {
namespace {

// What a signal handler must reach: which terminal, and whether its cursor is
// hidden now.
std::atomic<int> terminal{-1};
std::atomic<bool> hidden{false};
std::atomic<bool> exiting{false};

static_assert(std::atomic<int>::is_always_lock_free);

// Ctrl-Z, and ends that leave no destructor a chance. SIGINT and SIGTERM are
// among them for the time in which no run watches them.
constexpr std::array kSignals{SIGTSTP, SIGINT,  SIGTERM, SIGHUP, SIGQUIT,
                              SIGABRT, SIGSEGV, SIGBUS,  SIGFPE, SIGILL};

std::mutex mutex;
std::array<bool, kSignals.size()> ours{};

void on_signal(int signal) {
  const int error = errno;
  show_cursor();
  // The default follows, as if we had not been there.
  struct sigaction usual{}, before{};
  usual.sa_handler = SIG_DFL;
  ::sigaction(signal, &usual, &before);
  sigset_t set{};
  sigemptyset(&set);
  sigaddset(&set, signal);
  ::raise(signal);
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  // Only a stopped process comes here, when it goes on.
  ::sigaction(signal, &before, nullptr);
  errno = error;
}

void install() {
  for (std::size_t k = 0; k < kSignals.size(); ++k) {
    struct sigaction now{};
    ::sigaction(kSignals[k], nullptr, &now);
    // A run that failed may have put ours back: it acts as the default does.
    ours[k] = (now.sa_flags & SA_SIGINFO) == 0 &&
              (now.sa_handler == SIG_DFL || now.sa_handler == on_signal);
    if (!ours[k]) continue;
    struct sigaction action{};
    action.sa_handler = on_signal;
    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART;
    ::sigaction(kSignals[k], &action, nullptr);
  }
}

void uninstall() {
  for (std::size_t k = 0; k < kSignals.size(); ++k) {
    if (!ours[k]) continue;
    struct sigaction now{};
    ::sigaction(kSignals[k], nullptr, &now);
    // Somebody else's by now: stays as it is.
    if (now.sa_handler != on_signal) continue;
    struct sigaction usual{};
    usual.sa_handler = SIG_DFL;
    ::sigaction(kSignals[k], &usual, nullptr);
  }
}

}  // namespace

bool detail::shows_cursor_alone(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == on_signal;
}

void show_cursor() noexcept {
  if (!hidden.exchange(false)) return;
  constexpr char kShow[] = "\x1b[J\x1b[?25h";
  (void)!::write(terminal.load(), kShow, sizeof(kShow) - 1);
}

HiddenCursor::HiddenCursor(int fd) {
  static const int at_exit = std::atexit([] {
    exiting.store(true);
    show_cursor();
  });
  (void)at_exit;
  const std::scoped_lock lock(mutex);
  int none = -1;
  mine_ = terminal.compare_exchange_strong(none, fd);
  if (mine_) install();
}

HiddenCursor::~HiddenCursor() {
  if (!mine_) return;
  const std::scoped_lock lock(mutex);
  show_cursor();
  uninstall();
  terminal.store(-1);
}

std::string_view HiddenCursor::hide() {
  if (!mine_ || exiting.load() || hidden.exchange(true)) return "";
  return "\x1b[?25l";
}

}  // namespace bolt
