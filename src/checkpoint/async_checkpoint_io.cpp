#include <torchbolt/checkpoint/async_checkpoint_io.h>
#include <torchbolt/checkpoint/torch_checkpoint_io.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/log.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "checkpoint/snapshot.h"

namespace bolt {

class AsyncCheckpointIO::Worker {
 public:
  Worker(std::shared_ptr<CheckpointIO> inner, AsyncCheckpointOptions options)
      : inner_(std::move(inner)), options_(options) {}
  ~Worker() { stop(); }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  CheckpointIO& inner() { return *inner_; }

  void save(const State& state, const std::filesystem::path& path) {
    wait([this] { return error_ || saves_ < options_.max_pending; });
    throw_error();
    detail::Snapshot snapshot;
    {
      // The thread gives memory back meanwhile.
      const std::scoped_lock lock(pool_mutex_);
      snapshot = pool_.copy(state, "AsyncCheckpointIO(" + path.string() + ")");
    }
    add({.path = path, .snapshot = std::move(snapshot)});
  }

  void remove(const std::filesystem::path& path) { add({.path = path}); }

  void link(const std::filesystem::path& target,
            const std::filesystem::path& link) {
    add({.path = link, .target = target});
  }

  void wait_for_all() {
    wait([this] { return jobs_.empty(); });
  }

  // Waits for all, and ends the thread.
  void stop() {
    {
      const std::scoped_lock lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
    stopping_ = false;
    pool_.clear();
  }

  // One atomic read where nothing failed.
  void check() {
    if (failed_) throw_error();
  }

  void throw_error() {
    std::exception_ptr error;
    {
      const std::scoped_lock lock(mutex_);
      error = std::exchange(error_, nullptr);
      failed_ = false;
    }
    if (error) std::rethrow_exception(error);
  }

 private:
  struct Job {
    std::filesystem::path path{};
    // None: the path is to be removed, or to be a link.
    std::optional<detail::Snapshot> snapshot{};
    std::filesystem::path target{};
    // What it relies on wasn't stored.
    bool given_up = false;
  };

  template <class Condition>
  void wait(Condition condition) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, condition);
  }

  void add(Job job) {
    // First: without it nothing may wait for the job.
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
    {
      const std::scoped_lock lock(mutex_);
      if (job.snapshot) ++saves_;
      job.given_up = !job.snapshot && error_ != nullptr;
      jobs_.push_back(std::move(job));
    }
    changed_.notify_all();
  }

  void run() {
    while (true) {
      wait([this] { return stopping_ || !jobs_.empty(); });
      Job* job = nullptr;
      bool given_up = false;
      {
        const std::scoped_lock lock(mutex_);
        if (jobs_.empty()) return;
        job = &jobs_.front();  // which stays there until it is done
        given_up = job->given_up;
      }
      if (!given_up) do_job(*job);
      {
        const std::scoped_lock lock(mutex_);
        if (job->snapshot) --saves_;
        jobs_.pop_front();
      }
      changed_.notify_all();
    }
  }

  void do_job(Job& job) {
    try {
      if (job.snapshot) {
        inner_->save_checkpoint(job.snapshot->state, job.path);
      } else if (!job.target.empty()) {
        inner_->link_checkpoint(job.target, job.path);
      } else {
        inner_->remove_checkpoint(job.path);
      }
    } catch (...) {
      fail(std::current_exception());
    }
    if (!job.snapshot) return;
    job.snapshot->state = State();
    const std::scoped_lock lock(pool_mutex_);
    pool_.give_back(std::move(*job.snapshot));
  }

  void fail(const std::exception_ptr& error) {
    {
      const std::scoped_lock lock(mutex_);
      // What was to be removed may be the last good one, also when somebody
      // has taken the error by then.
      for (Job& job : jobs_) {
        if (!job.snapshot) job.given_up = true;
      }
      if (!error_) {
        error_ = error;
        failed_ = true;
        return;
      }
    }
    log_failure(error);
  }

 public:
  static void log_failure(const std::exception_ptr& error) {
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& exception) {
      log_message(LogLevel::kError, exception.what());
    } catch (...) {
      log_message(LogLevel::kError,
                  "[AsyncCheckpointIO] a checkpoint can't be stored");
    }
  }

 private:
  std::shared_ptr<CheckpointIO> inner_;
  AsyncCheckpointOptions options_;
  std::mutex mutex_{};
  std::condition_variable changed_{};
  std::deque<Job> jobs_{};
  std::size_t saves_ = 0;  // among them
  bool stopping_ = false;
  std::exception_ptr error_{};
  std::atomic<bool> failed_{false};  // whether there is one
  std::mutex pool_mutex_{};
  detail::SnapshotPool pool_{};
  std::thread thread_{};
};

AsyncCheckpointIO::AsyncCheckpointIO(std::shared_ptr<CheckpointIO> inner,
                                     AsyncCheckpointOptions options) {
  if (options.max_pending == 0) {
    throw ConfigError({.where = "AsyncCheckpointIO",
                       .what = "max_pending is wrong",
                       .got = "0",
                       .expected = "at least 1"});
  }
  if (inner == nullptr) inner = std::make_shared<TorchCheckpointIO>();
  worker_ = std::make_unique<Worker>(std::move(inner), options);
}

AsyncCheckpointIO::~AsyncCheckpointIO() {
  try {
    worker_->stop();
    worker_->throw_error();
  } catch (...) {
    Worker::log_failure(std::current_exception());
  }
}

void AsyncCheckpointIO::save_checkpoint(const State& state,
                                        const std::filesystem::path& path) {
  worker_->save(state, path);
}

State AsyncCheckpointIO::load_checkpoint(const std::filesystem::path& path) {
  worker_->wait_for_all();
  return worker_->inner().load_checkpoint(path);
}

void AsyncCheckpointIO::remove_checkpoint(const std::filesystem::path& path) {
  worker_->remove(path);
}

void AsyncCheckpointIO::link_checkpoint(const std::filesystem::path& target,
                                        const std::filesystem::path& link) {
  worker_->link(target, link);
}

void AsyncCheckpointIO::check_folder(const std::filesystem::path& folder) {
  worker_->wait_for_all();
  worker_->inner().check_folder(folder);
}

void AsyncCheckpointIO::check() { worker_->check(); }

void AsyncCheckpointIO::teardown() {
  worker_->stop();
  std::exception_ptr error;
  try {
    worker_->throw_error();
  } catch (...) {
    error = std::current_exception();
  }
  worker_->inner().teardown();
  if (error) std::rethrow_exception(error);
}

}  // namespace bolt
