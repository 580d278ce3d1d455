#include "data/loader_threads.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <pthread.h>

#include <utility>

namespace bolt::detail {
namespace {

// A thread that loads is one of many: it must not start a team of its own for
// every operation. The number of OpenMP's threads is kept for each thread, and
// at::set_num_threads() would set that of all.
void compute_alone() {
  (void)at::get_num_threads();  // sets torch's own number here, the first time
  using SetThreads = void (*)(int);
  static const auto set_threads = reinterpret_cast<SetThreads>(
      ::dlsym(RTLD_DEFAULT, "omp_set_num_threads"));
  if (set_threads != nullptr) set_threads(1);
}

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
    threads_.emplace_back([this](const std::stop_token& stop) { run(stop); });
    ::pthread_setname_np(threads_.back().native_handle(), "bolt-loader");
  }
}

LoaderThreads::~LoaderThreads() {
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();
}

void LoaderThreads::steer(const Course& course) {
  if (steered_ && next_out_ == course) return;
  stop();
  const std::scoped_lock lock(mutex_);
  next_out_ = next_begun_ = course;
  steered_ = true;
  work_.notify_all();
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
  compute_alone();
  const at::NoGradGuard no_grad;
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
