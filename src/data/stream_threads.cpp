#include "data/stream_threads.h"

#include <algorithm>
#include <utility>

#include "data/worker.h"

namespace bolt::detail {

StreamThreads::StreamThreads(StreamFeed::Readers& readers, int64_t capacity)
    : readers_(readers), capacity_(capacity), queues_(readers.size()) {
  for (std::size_t k = 0; k < readers.size(); ++k) {
    threads_.push_back(
        start_worker(static_cast<int64_t>(k),
                     [this, k](const std::stop_token& stop) { run(k, stop); }));
  }
}

StreamThreads::~StreamThreads() {
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();
}

void StreamThreads::begin(Begin begin, int64_t length) {
  const std::scoped_lock lock(mutex_);
  ++pass_;
  begin_ = std::move(begin);
  const auto count = static_cast<int64_t>(queues_.size());
  const int64_t share = length / count + (length % count != 0 ? 1 : 0);
  for (Queue& queue : queues_) {
    queue.items.clear();
    queue.allowed = share;
    queue.made = 0;
    queue.ended = false;
  }
  work_.notify_all();
}

bool StreamThreads::take(std::size_t reader, AnyBatch& batch, State& state) {
  std::unique_lock lock(mutex_);
  Queue& queue = queues_[reader];
  if (queue.items.empty() && queue.made >= queue.allowed) {
    // Another reader has ended before its share was read.
    queue.allowed = queue.made + 1;
    work_.notify_all();
  }
  ready_.wait(lock, [&] { return !queue.items.empty() || queue.ended; });
  if (queue.items.empty()) return false;
  Item item = std::move(queue.items.front());
  queue.items.pop_front();
  work_.notify_all();
  lock.unlock();
  state = std::move(item.state);
  batch = std::move(item.batch);
  if (item.error != nullptr) std::rethrow_exception(item.error);
  return true;
}

bool StreamThreads::has_work(const Queue& queue) const {
  if (queue.pass != pass_) return true;
  return !queue.ended && queue.made < queue.allowed &&
         static_cast<int64_t>(queue.items.size()) < capacity_;
}

void StreamThreads::run(std::size_t reader, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (work_.wait(lock, stop, [&] { return has_work(queues_[reader]); })) {
    work_on(reader, lock);
  }
}

// One batch, or the beginning of a pass.
void StreamThreads::work_on(std::size_t reader,
                            std::unique_lock<std::mutex>& lock) {
  Queue& queue = queues_[reader];
  const int64_t pass = pass_;
  const bool fresh = std::exchange(queue.pass, pass) != pass;
  const Begin begin = fresh ? begin_ : Begin();
  lock.unlock();
  Item item;
  bool there = true;
  try {
    if (fresh) {
      begin(reader);
    } else {
      there = readers_[reader]->read(item.batch);
      item.state = readers_[reader]->state();
    }
  } catch (...) {
    item.error = std::current_exception();
  }
  lock.lock();
  if (pass != pass_) return;  // nobody waits for it any more
  if (fresh) {
    if (item.error == nullptr) return;
    queue.ended = true;  // it couldn't begin
  }
  if (there) {
    queue.items.push_back(std::move(item));
    ++queue.made;
  } else {
    queue.ended = true;
  }
  ready_.notify_all();
}

}  // namespace bolt::detail
