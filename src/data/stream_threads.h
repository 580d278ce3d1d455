#pragma once

#include <torchbolt/data/stream_feed.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace bolt::detail {

/// A thread for each reader, which reads ahead into a queue of its own.
class StreamThreads {
 public:
  /// Puts a reader where its pass begins; called on its thread.
  using Begin = std::function<void(std::size_t reader)>;

  StreamThreads(StreamFeed::Readers& readers, int64_t capacity);
  ~StreamThreads();

  /// Begins a pass; what lies ready of another one is let go. `length`: batches
  /// of the pass, of all readers.
  void begin(Begin begin, int64_t length);
  /// The next batch of a reader, and its state behind it; false when it has
  /// ended. Rethrows what reading threw.
  bool take(std::size_t reader, AnyBatch& batch, State& state);

 private:
  struct Item {
    AnyBatch batch{};
    State state{};
    std::exception_ptr error{};
  };
  struct Queue {
    std::deque<Item> items{};
    int64_t pass = 0;     // that the reader is in
    int64_t allowed = 0;  // batches that it may read of it
    int64_t made = 0;
    bool ended = false;
  };

  void run(std::size_t reader, const std::stop_token& stop);
  void work_on(std::size_t reader, std::unique_lock<std::mutex>& lock);
  bool has_work(const Queue& queue) const;

  StreamFeed::Readers& readers_;
  int64_t capacity_;
  std::mutex mutex_{};
  std::condition_variable_any work_{};
  std::condition_variable ready_{};
  std::vector<Queue> queues_;
  int64_t pass_ = 0;
  Begin begin_{};
  std::vector<std::jthread> threads_{};  // last: they use all of the above
};

}  // namespace bolt::detail
