#include <torchbolt/core/cursor.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/signals.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <ctime>
#include <mutex>
#include <string>
#include <string_view>

#include "core/cursor_signals.h"

namespace bolt {
namespace {

constexpr int kSignals = 65;

// Signal handlers can reach nothing but globals: one count per signal for the
// whole process, and how many sources watch it.
std::array<std::atomic<int>, kSignals> counts{};
std::array<std::atomic<int>, kSignals> first_counts{};
std::array<int, kSignals> watchers{};
std::array<struct sigaction, kSignals> before{};
std::mutex mutex;

// The grace time: a timer that the first signal sets going.
std::atomic<bool> has_timer{false};
std::atomic<int> told{0};
timer_t timer{};
struct itimerspec grace_time{};

static_assert(std::atomic<int>::is_always_lock_free);
static_assert(std::atomic<bool>::is_always_lock_free);

void write_line(std::string_view line) {
  (void)!::write(STDERR_FILENO, line.data(), line.size());
}

// Whether the program has a handler.
bool is_own(const struct sigaction& action) {
  if (detail::shows_cursor_alone(action)) return false;
  return (action.sa_flags & SA_SIGINFO) != 0
             ? action.sa_sigaction != nullptr
             : action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN;
}

// A handler of the program's may call the one that was there before it: ours.
thread_local volatile sig_atomic_t inside = 0;

// Only what is safe in a handler.
void on_signal(int signal, siginfo_t* info, void* context) {
  if (inside != 0) return;
  inside = 1;
  const int error = errno;
  const auto k = static_cast<std::size_t>(signal);
  const int came = counts[k].fetch_add(1, std::memory_order_relaxed) + 1;
  if (signal == SIGINT &&
      came - first_counts[k].load(std::memory_order_relaxed) >= 2) {
    show_cursor();
    if (::isatty(STDERR_FILENO) != 0) write_line("\n");
    ::_exit(130);
  }
  if (signal != SIGINT && has_timer.load()) {
    int none = 0;
    if (told.compare_exchange_strong(none, signal)) {
      ::timer_settime(timer, 0, &grace_time, nullptr);
    }
  }
  const struct sigaction& theirs = before[k];
  if (is_own(theirs)) {
    if ((theirs.sa_flags & SA_SIGINFO) != 0) {
      theirs.sa_sigaction(signal, info, context);
    } else {
      theirs.sa_handler(signal);
    }
  }
  errno = error;
  inside = 0;
}

void end_process(sigval) {
  if (!has_timer) return;  // the run is over
  show_cursor();
  write_line("[Trainer] the grace time is over; the process ends\n");
  ::_exit(128 + told.load());
}

bool leaves_to_program(int signal) {
  return signal == SIGUSR1 || signal == SIGUSR2;
}

class ProcessSignals final : public SignalSource {
 public:
  ~ProcessSignals() override { stop(); }

  void start(const std::vector<int>& signals,
             std::optional<std::chrono::nanoseconds> grace) override {
    stop();
    const std::scoped_lock lock(mutex);
    if (grace) make_timer(*grace);
    for (const int signal : signals) {
      const auto k = static_cast<std::size_t>(signal);
      start_counts_[k] = counts[k].load(std::memory_order_relaxed);
      if (watchers[k]++ > 0) continue;
      first_counts[k].store(start_counts_[k], std::memory_order_relaxed);
      // Known before the first signal comes.
      ::sigaction(signal, nullptr, &before[k]);
      // Ignored on purpose (nohup): stays ignored.
      if (before[k].sa_handler == SIG_IGN ||
          (leaves_to_program(signal) && is_own(before[k]))) {
        continue;
      }
      struct sigaction action{};
      action.sa_sigaction = on_signal;
      sigemptyset(&action.sa_mask);
      action.sa_flags = SA_RESTART | SA_SIGINFO;
      ::sigaction(signal, &action, nullptr);
    }
    watched_ = signals;
  }

  void stop() override {
    const std::scoped_lock lock(mutex);
    for (const int signal : watched_) {
      const auto k = static_cast<std::size_t>(signal);
      if (--watchers[k] > 0) continue;
      // Somebody else's by now: it stays theirs.
      struct sigaction now{};
      ::sigaction(signal, nullptr, &now);
      if ((now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == on_signal) {
        ::sigaction(signal, &before[k], nullptr);
      }
    }
    watched_.clear();
    if (owns_timer_) {
      has_timer = false;
      // Never deleted: a handler may be about to set it.
      const struct itimerspec none{};
      ::timer_settime(timer, 0, &none, nullptr);
      owns_timer_ = false;
    }
  }

  int pending(int signal) const override {
    const auto k = static_cast<std::size_t>(signal);
    return counts[k].load(std::memory_order_relaxed) - start_counts_[k];
  }

 private:
  void make_timer(std::chrono::nanoseconds grace) {
    if (has_timer) return;
    static bool made = false;
    struct sigevent event{};
    event.sigev_notify = SIGEV_THREAD;
    event.sigev_notify_function = end_process;
    if (!made && ::timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) {
      throw Error({.where = "grace_time",
                   .what = "no timer can be made",
                   .got = std::strerror(errno)});
    }
    made = true;
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(grace);
    grace_time.it_value.tv_sec = seconds.count();
    grace_time.it_value.tv_nsec = (grace - seconds).count();
    told = 0;
    owns_timer_ = true;
    has_timer = true;
  }

  std::vector<int> watched_{};
  std::array<int, kSignals> start_counts_{};
  bool owns_timer_ = false;
};

}  // namespace

std::unique_ptr<SignalSource> make_signal_source() {
  return std::make_unique<ProcessSignals>();
}

std::string signal_name(int signal) {
  switch (signal) {
    case SIGHUP:
      return "SIGHUP";
    case SIGINT:
      return "SIGINT";
    case SIGTERM:
      return "SIGTERM";
    case SIGUSR1:
      return "SIGUSR1";
    case SIGUSR2:
      return "SIGUSR2";
    default:
      return "signal " + std::to_string(signal);
  }
}

}  // namespace bolt
