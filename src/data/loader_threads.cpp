#include "data/loader_threads.h"

#include <utility>

#include "data/worker.h"

namespace bolt::detail {
namespace {

void advance(LoaderThreads::Course& course) {
  if (++course.batch < course.length) return;
  course.batch = 0;
  course.epoch += course.epoch_step;
}

}  // namespace

LoaderThreads::LoaderThreads(BatchPlan& plan, const BatchFeed::Load& load,
                             int64_t workers, int64_t capacity)
    : plan_(plan), load_(load), slots_(static_cast<std::size_t>(capacity)) {
  for (int64_t k = 0; k < workers; ++k) {
    threads_.push_back(
        start_worker(k, [this](const std::stop_token& stop) { run(stop); }));
  }
}

LoaderThreads::~LoaderThreads() {
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();
}

void LoaderThreads::steer(const Course& course) {
  if (keep_course(course)) return;
  stop();
  const std::scoped_lock lock(mutex_);
  next_out_ = next_begun_ = course;
  steered_ = true;
  work_.notify_all();
}

// Whether all that lies ahead lies on the new course too; it is then taken up.
bool LoaderThreads::keep_course(const Course& course) {
  const std::scoped_lock lock(mutex_);
  if (!steered_) return false;
  Course before = next_out_;
  Course now = course;
  for (int64_t k = taken_; k < begun_; ++k) {
    if (before.epoch != now.epoch || before.batch != now.batch) return false;
    advance(before);
    advance(now);
  }
  next_out_ = course;
  next_begun_ = now;
  return true;
}

void LoaderThreads::take(AnyBatch& batch) {
  std::unique_lock lock(mutex_);
  Slot& next = slot(taken_);
  ready_.wait(lock, [&] { return next.ready; });
  next.ready = false;
  ++taken_;
  advance(next_out_);
  const std::exception_ptr error = std::exchange(next.error, nullptr);
  // Exchanged, so that the caller's storage serves the next batch.
  std::swap(batch, next.batch);
  next.batch.reset();
  work_.notify_one();
  lock.unlock();
  if (error != nullptr) {
    batch.reset();
    std::rethrow_exception(error);
  }
}

void LoaderThreads::stop() {
  std::unique_lock lock(mutex_);
  steered_ = false;
  ready_.wait(lock, [&] { return in_flight_ == 0; });
  clear();
}

void LoaderThreads::clear() {
  for (Slot& each : slots_) {
    each.batch.reset();
    each.error = nullptr;
    each.ready = false;
  }
  taken_ = begun_ = 0;
}

void LoaderThreads::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (work_.wait(lock, stop, [&] { return may_begin(); })) load_one(lock);
}

void LoaderThreads::load_one(std::unique_lock<std::mutex>& lock) {
  Slot& mine = slot(begun_++);
  ++in_flight_;
  const Course at = next_begun_;
  advance(next_begun_);
  std::exception_ptr error;
  try {
    BatchSlice slice = plan_.at(at.epoch, at.batch);
    // The plan's own indices change with the next call.
    const std::vector<int64_t> indices(slice.indices.begin(),
                                       slice.indices.end());
    slice.indices = indices;
    lock.unlock();
    load_(slice, mine.batch);
  } catch (...) {
    error = std::current_exception();
  }
  if (!lock.owns_lock()) lock.lock();
  mine.error = std::move(error);
  mine.ready = true;
  --in_flight_;
  ready_.notify_all();
}

}  // namespace bolt::detail
