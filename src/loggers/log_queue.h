#pragma once

#include <torchbolt/trainer/log_options.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace bolt::detail {

/// One call of `log_metrics`. Calls with the same names share them.
struct MetricRow {
  std::shared_ptr<const std::vector<std::string>> names{};  // sorted
  std::vector<double> values{};
  int64_t step = 0;
  double wall_time = 0;  // seconds since 1970
};

/// Seconds since 1970.
double wall_time_now();

/// What puts into a file, or elsewhere, what a LogQueue brings. Called by the
/// queue's thread alone, one call at a time. What it throws is said in the log,
/// and the row (or job) counts as lost; what follows comes all the same.
class LogWriter {
 public:
  virtual ~LogWriter() = default;
  virtual void write(const MetricRow& row) = 0;
  /// No more is there for now: what was written so far goes out, best in one
  /// `write(2)`.
  virtual void end_batch() {}
};

/// Settings of LogQueue.
struct LogQueueOptions {
  /// The logger's class, for messages.
  std::string who{};
  /// What the queue holds: rows, and bytes of pictures and the like.
  std::size_t most_rows = 10'000;
  std::size_t most_bytes = std::size_t{64} << 20;
  /// How long a call waits for room, before the oldest rows are let go.
  std::chrono::milliseconds wait_for_room{50};
  /// How long a row stays in the queue at most, where nobody waits for it.
  std::chrono::milliseconds interval{100};
  /// How long `flush` and the destructor wait for the writer. After a wait in
  /// vain they don't wait again until it goes on.
  std::chrono::milliseconds deadline{30'000};
  /// What the writer throws comes out of the next call, too.
  bool strict = false;
  /// Calls do nothing: of a rank other than 0.
  bool silent = false;
};

/// Between a logger and the thread that does its work: calls of the training
/// thread leave what they bring, and go on. In the steady state `add` makes no
/// system call and allocates nothing. Thread-safe.
///
/// When the writer can't keep up, a call waits for room for a moment, once;
/// then the oldest rows make room and are counted. Jobs of `post` never do.
///
/// Calls do nothing where it is `silent`, and in a process that was forked off,
/// which has no such thread.
class LogQueue {
 public:
  LogQueue(std::shared_ptr<LogWriter> writer, LogQueueOptions options);
  /// Flushes, and ends the thread. One that hangs is left alone.
  ~LogQueue();
  LogQueue(const LogQueue&) = delete;
  LogQueue& operator=(const LogQueue&) = delete;

  /// Metrics at a point of the x axis.
  void add(const MetricMap& metrics, int64_t step);
  /// Does something on the thread, in its turn: what must not be lost. What the
  /// job refers to has to live until then; give it the writer as a
  /// `shared_ptr`.
  void post(std::function<void()> job);
  /// The same for something that may be lost when the writer can't keep up: it
  /// holds `bytes` meanwhile.
  void offer(std::size_t bytes, std::function<void()> job);
  /// Waits until all before it is written, and `end_batch` has run; false when
  /// that took longer than `deadline`, which it says once.
  bool flush();
  /// `flush()`, and says how many rows (and jobs) were lost since the last
  /// time, if any.
  bool finish();

  /// False where calls do nothing.
  bool writes() const;

  /// What was lost so far, by want of room and by the writer's errors.
  struct Lost {
    uint64_t dropped = 0;
    uint64_t failed = 0;
    friend bool operator==(const Lost&, const Lost&) = default;
  };
  Lost lost() const;

 private:
  struct Shared;

  std::shared_ptr<Shared> shared_;
};

}  // namespace bolt::detail
