#pragma once

#include <torchbolt/data/batch_feed.h>

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace bolt::detail {

/// Threads that load the batches of a plan ahead of who takes them. Batches
/// come out in the plan's order, whichever is ready first; at most `capacity`
/// are loaded or being loaded. Where a pass ends the threads go on with the
/// next one, so that its first batches are there when it begins.
class LoaderThreads {
 public:
  /// Which batches come: those of pass `epoch` from `batch` on, `length` a
  /// pass; then pass `epoch + epoch_step`, and so on.
  struct Course {
    int64_t epoch = 0;
    int64_t batch = 0;
    int64_t length = 0;
    int64_t epoch_step = 1;
  };

  LoaderThreads(BatchPlan& plan, const BatchFeed::Load& load, int64_t workers,
                int64_t capacity);
  ~LoaderThreads();

  /// Sets the course. Work that lies ahead on it already is kept.
  void steer(const Course& course);
  /// The next batch on the course. Rethrows what its loading threw.
  void take(AnyBatch& batch);
  /// Lets go of all work that lies ahead, and waits for what is being loaded:
  /// the plan may be changed until the next `steer`.
  void stop();

 private:
  struct Slot {
    AnyBatch batch{};
    std::exception_ptr error{};
    bool ready = false;
  };

  bool keep_course(const Course& course);
  void run(const std::stop_token& stop);
  void load_one(std::unique_lock<std::mutex>& lock);
  bool may_begin() const {
    return steered_ && begun_ - taken_ < static_cast<int64_t>(slots_.size());
  }
  Slot& slot(int64_t ticket) {
    return slots_[static_cast<std::size_t>(ticket) % slots_.size()];
  }
  void clear();

  BatchPlan& plan_;
  const BatchFeed::Load& load_;
  std::mutex mutex_{};
  std::condition_variable_any work_{};
  std::condition_variable ready_{};
  std::vector<Slot> slots_;
  bool steered_ = false;
  Course next_out_{};    // what take() gives next
  Course next_begun_{};  // what a thread begins next
  int64_t taken_ = 0;
  int64_t begun_ = 0;
  int64_t in_flight_ = 0;
  std::vector<std::jthread> threads_{};  // last: they use all of the above
};

}  // namespace bolt::detail
