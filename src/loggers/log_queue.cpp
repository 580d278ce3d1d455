#include "loggers/log_queue.h"

#include <pthread.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/log.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "core/blocked_signals.h"

namespace bolt::detail {
namespace {

using Time = std::chrono::steady_clock::time_point;
using Names = std::shared_ptr<const std::vector<std::string>>;

// A process that was forked off has another number.
std::atomic<uint64_t> generation{0};

void watch_forks() {
  static const int watched =
      ::pthread_atfork(nullptr, nullptr, [] { generation.fetch_add(1); });
  (void)watched;
}

bool has_names(const std::vector<std::string>& names,
               const MetricMap& metrics) {
  return std::ranges::equal(
      names, metrics, {}, {},
      [](const auto& entry) -> const std::string& { return entry.first; });
}

// The names of the rows of late, so that rows share them: of steps, of epochs,
// of callbacks.
class NameCache {
 public:
  const Names& of(const MetricMap& metrics) {
    for (const Names& names : known_) {
      if (names != nullptr && has_names(*names, metrics)) return names;
    }
    auto names = std::make_shared<std::vector<std::string>>();
    names->reserve(metrics.size());
    for (const auto& entry : metrics) names->push_back(entry.first);
    Names& place = known_[next_++ % known_.size()];
    place = std::move(names);
    return place;
  }

 private:
  std::array<Names, 8> known_{};
  std::size_t next_ = 0;
};

// Says each cause once a minute, and no more than a few in that time: on a full
// disk each picture, which is a file of its own, would be one.
class Complaints {
 public:
  void add(const std::string& who, const std::string& what) {
    const Time now = std::chrono::steady_clock::now();
    if (said_.size() >= kMost && !said_.contains(what)) said_.clear();
    const auto [known, fresh] = said_.try_emplace(what, now);
    if (!fresh && now - known->second < std::chrono::minutes(1)) return;
    known->second = now;
    if (now - since_ >= std::chrono::minutes(1)) {
      since_ = now;
      count_ = 0;
    }
    if (++count_ > kMostAMinute) return;
    log_message(LogLevel::kError, "[" + who + "] " + what +
                                      " (training goes on without what can't "
                                      "be written)");
  }

 private:
  static constexpr std::size_t kMost = 50;
  static constexpr int kMostAMinute = 5;
  std::map<std::string, Time> said_{};
  Time since_{};
  int count_ = 0;
};

}  // namespace

double wall_time_now() {
  return std::chrono::duration<double>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

struct LogQueue::Shared {
  struct Entry {
    MetricRow row{};
    std::function<void()> job{};  // none: it is the row
    std::size_t bytes = 0;
  };

  Shared(std::shared_ptr<LogWriter> with, LogQueueOptions given)
      : writer(std::move(with)), options(std::move(given)) {}

  bool has_room() const { return rows < options.most_rows; }
  bool has_bytes() const { return bytes <= options.most_bytes; }
  std::chrono::milliseconds patience() const {
    return hangs ? std::chrono::milliseconds(0) : options.deadline;
  }
  bool forked_off() const { return born_in != generation.load(); }
  bool writes() const { return !options.silent && !forked_off(); }

  void rethrow(std::unique_lock<std::mutex>& lock) {
    if (error == nullptr) return;
    const std::exception_ptr thrown = std::exchange(error, nullptr);
    lock.unlock();
    std::rethrow_exception(thrown);
  }

  // Once, until the writer goes on: else every step would wait.
  void wait_until(std::unique_lock<std::mutex>& lock,
                  bool (Shared::*has)() const) {
    if ((this->*has)() || std::exchange(has_waited, true)) return;
    urgent = true;
    wake.notify_one();
    room.wait_for(lock, options.wait_for_room, [&] { return (this->*has)(); });
  }

  // Several at a time, so that it doesn't happen with each row.
  void let_oldest_go() {
    std::size_t most = std::max<std::size_t>(options.most_rows / 8, 1);
    const auto kept =
        std::remove_if(pending.begin(), pending.end(), [&](const Entry& entry) {
          if (entry.job || most == 0) return false;
          --most;
          return true;
        });
    const auto gone = static_cast<std::size_t>(pending.end() - kept);
    pending.erase(kept, pending.end());
    rows -= gone;
    lost.dropped += gone;
  }

  void push(Entry entry) {
    ++added;
    pending.push_back(std::move(entry));
    if (!thread.joinable()) start();
    if (rows == options.most_rows / 2) {
      urgent = true;
      wake.notify_one();
    }
  }

  void start() {
    const BlockedSignals blocked;
    thread = std::thread([shared = self.lock()] { shared->run(); });
  }

  void run() {
    std::vector<Entry> taken;
    std::unique_lock lock(mutex);
    while (true) {
      wake.wait_for(lock, options.interval,
                    [this] { return urgent || stopping; });
      urgent = false;
      if (pending.empty()) {
        if (stopping) break;
        continue;
      }
      taken.swap(pending);
      const uint64_t until = added;
      rows = bytes = 0;
      has_waited = false;
      lock.unlock();
      room.notify_all();
      Outcome outcome;
      for (Entry& entry : taken) {
        attempt(outcome, 1, [&] {
          if (entry.job) {
            entry.job();
          } else {
            writer->write(entry.row);
          }
        });
        entry.job = nullptr;
      }
      attempt(outcome, 0, [&] { writer->end_batch(); });
      lock.lock();
      lost.failed += outcome.failed;
      if (options.strict && error == nullptr) error = outcome.error;
      written = until;
      hangs = false;
      for (Entry& entry : taken) give_back(std::move(entry.row.values));
      taken.clear();
      flushed.notify_all();
    }
    ended = true;
    flushed.notify_all();
  }

  void give_back(std::vector<double> values) {
    if (values.capacity() == 0 ||
        spare_values + values.capacity() > kMostSpare) {
      return;
    }
    spare_values += values.capacity();
    spare.push_back(std::move(values));
  }

  struct Outcome {
    uint64_t failed = 0;
    std::exception_ptr error{};
  };

  template <class Call>
  void attempt(Outcome& outcome, uint64_t counts, const Call& call) {
    try {
      call();
      return;
    } catch (const std::exception& thrown) {
      complaints.add(options.who, thrown.what());
      outcome.error = std::current_exception();
    } catch (...) {
      complaints.add(options.who, "an unknown error");
      outcome.error = std::current_exception();
    }
    outcome.failed += counts;
  }

  // What rows are made of that are written, for those that come.
  static constexpr std::size_t kMostSpare = 100'000;

  const std::shared_ptr<LogWriter> writer;
  const LogQueueOptions options;
  const uint64_t born_in = generation.load();
  std::weak_ptr<Shared> self{};

  std::mutex mutex{};
  std::condition_variable wake{}, room{}, flushed{};
  // What follows is the mutex's.
  std::vector<Entry> pending{};
  std::vector<std::vector<double>> spare{};
  std::size_t spare_values = 0;
  NameCache names{};
  std::size_t rows = 0, bytes = 0;  // of what is pending
  uint64_t added = 0;               // entries so far
  uint64_t written = 0;             // those among them that are dealt with
  Lost lost{}, told{};
  std::exception_ptr error{};
  bool urgent = false, stopping = false, ended = false, has_waited = false;
  // A flush waited in vain, and nothing was written since: none waits again.
  bool hangs = false;
  std::thread thread{};

  // The thread's own.
  Complaints complaints{};
};

LogQueue::LogQueue(std::shared_ptr<LogWriter> writer, LogQueueOptions options) {
  watch_forks();
  shared_ = std::make_shared<Shared>(std::move(writer), std::move(options));
  shared_->self = shared_;
}

LogQueue::~LogQueue() {
  Shared& own = *shared_;
  if (own.forked_off()) {
    // Neither the thread nor what it holds is there to be ended.
    new std::shared_ptr<Shared>(std::move(shared_));
    return;
  }
  std::unique_lock lock(own.mutex);
  if (!own.thread.joinable()) return;
  own.stopping = true;
  own.wake.notify_one();
  const bool ended =
      own.flushed.wait_for(lock, own.patience(), [&] { return own.ended; });
  std::thread thread = std::move(own.thread);
  lock.unlock();
  if (ended) {
    thread.join();
  } else {
    thread.detach();
  }
}

void LogQueue::add(const MetricMap& metrics, int64_t step) {
  Shared& own = *shared_;
  if (!own.writes()) return;
  const double now = wall_time_now();
  std::unique_lock lock(own.mutex);
  own.rethrow(lock);
  own.wait_until(lock, &Shared::has_room);
  if (!own.has_room()) own.let_oldest_go();
  MetricRow row{.names = own.names.of(metrics), .step = step, .wall_time = now};
  if (!own.spare.empty()) {
    row.values = std::move(own.spare.back());
    own.spare.pop_back();
    own.spare_values -= row.values.capacity();
    row.values.clear();
  }
  for (const auto& entry : metrics) row.values.push_back(entry.second);
  ++own.rows;
  own.push({.row = std::move(row)});
}

void LogQueue::post(std::function<void()> job) {
  Shared& own = *shared_;
  if (!own.writes()) return;
  std::unique_lock lock(own.mutex);
  own.rethrow(lock);
  own.push({.job = std::move(job)});
}

void LogQueue::offer(std::size_t bytes, std::function<void()> job) {
  Shared& own = *shared_;
  if (!own.writes()) return;
  std::unique_lock lock(own.mutex);
  own.rethrow(lock);
  own.wait_until(lock, &Shared::has_bytes);
  // The newest: older ones may be what it is compared with.
  if (!own.has_bytes()) {
    ++own.lost.dropped;
    return;
  }
  own.bytes += bytes;
  own.push({.job = std::move(job), .bytes = bytes});
}

bool LogQueue::flush() {
  Shared& own = *shared_;
  if (!own.writes()) return true;
  std::unique_lock lock(own.mutex);
  const uint64_t all = own.added;
  if (own.written < all) {
    own.urgent = true;
    own.wake.notify_one();
  }
  const bool done = own.flushed.wait_for(lock, own.patience(),
                                         [&] { return own.written >= all; });
  const bool is_news = !done && !std::exchange(own.hangs, true);
  own.rethrow(lock);
  lock.unlock();
  if (is_news) {
    log_warning("[" + own.options.who +
                "] what was logged isn't written yet; the run doesn't wait for "
                "it any longer");
  }
  return done;
}

bool LogQueue::finish() {
  const bool done = flush();
  Shared& own = *shared_;
  if (!own.writes()) return done;
  std::unique_lock lock(own.mutex);
  const Lost now = own.lost;
  const Lost before = std::exchange(own.told, now);
  lock.unlock();
  const auto say = [&](uint64_t count, const char* why) {
    if (count == 0) return;
    log_warning("[" + own.options.who + "] " + std::to_string(count) +
                " of what was logged " + (count == 1 ? "is" : "are") +
                " lost: " + why);
  };
  say(now.dropped - before.dropped,
      "there was no room while they couldn't be written");
  say(now.failed - before.failed, "they couldn't be written");
  return done;
}

bool LogQueue::writes() const { return shared_->writes(); }

LogQueue::Lost LogQueue::lost() const {
  if (!shared_->writes()) return {};
  const std::scoped_lock lock(shared_->mutex);
  return shared_->lost;
}

}  // namespace bolt::detail
