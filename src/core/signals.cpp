#include <torchbolt/core/cursor.h>
#include <torchbolt/core/signals.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <mutex>

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

static_assert(std::atomic<int>::is_always_lock_free);

void on_signal(int signal) {
  const auto k = static_cast<std::size_t>(signal);
  const int came = counts[k].fetch_add(1, std::memory_order_relaxed) + 1;
  if (signal == SIGINT &&
      came - first_counts[k].load(std::memory_order_relaxed) >= 2) {
    // Only what is safe in a handler.
    show_cursor();
    if (::isatty(STDERR_FILENO) != 0) {
      (void)!::write(STDERR_FILENO, "\n", 1);
    }
    ::_exit(130);
  }
}

class ProcessSignals final : public SignalSource {
 public:
  ~ProcessSignals() override { stop(); }

  void start(const std::vector<int>& signals) override {
    stop();
    const std::scoped_lock lock(mutex);
    for (const int signal : signals) {
      const auto k = static_cast<std::size_t>(signal);
      start_counts_[k] = counts[k].load(std::memory_order_relaxed);
      if (watchers[k]++ > 0) continue;
      first_counts[k].store(start_counts_[k], std::memory_order_relaxed);
      struct sigaction action{};
      action.sa_handler = on_signal;
      sigemptyset(&action.sa_mask);
      action.sa_flags = SA_RESTART;
      ::sigaction(signal, &action, &before[k]);
      // Ignored on purpose (nohup): stays ignored.
      if (before[k].sa_handler == SIG_IGN) {
        ::sigaction(signal, &before[k], nullptr);
      }
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
      if (now.sa_handler == on_signal) {
        ::sigaction(signal, &before[k], nullptr);
      }
    }
    watched_.clear();
  }

  int pending(int signal) const override {
    const auto k = static_cast<std::size_t>(signal);
    return counts[k].load(std::memory_order_relaxed) - start_counts_[k];
  }

 private:
  std::vector<int> watched_{};
  std::array<int, kSignals> start_counts_{};
};

}  // namespace

std::unique_ptr<SignalSource> make_signal_source() {
  return std::make_unique<ProcessSignals>();
}

}  // namespace bolt
