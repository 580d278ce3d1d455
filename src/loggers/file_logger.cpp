#include <torchbolt/core/files.h>
#include <torchbolt/core/log.h>
#include <torchbolt/loggers/file_logger.h>

#include <utility>

#include "loggers/file_run.h"

namespace bolt {

FileLogger::FileLogger(std::unique_ptr<detail::FileRun> run)
    : run_(std::move(run)) {}

FileLogger::~FileLogger() = default;

std::string FileLogger::name() const { return run_->folder.name(); }

std::string FileLogger::version() const { return run_->folder.version(); }

std::optional<std::filesystem::path> FileLogger::save_dir() const {
  return run_->folder.save_dir();
}

std::optional<std::filesystem::path> FileLogger::log_dir() const {
  return run_->path();
}

void FileLogger::set_default_root(const std::filesystem::path& root) {
  run_->folder.set_default_root(root);
}

void FileLogger::start() {
  if (run_->started || !run_->queue.writes()) return;
  const bool used = run_->folder.claim();
  make_directories(run_->path());
  run_->lock = detail::PathLock::shared(run_->folder.path());
  if (!run_->lock->is_held()) {
    log_warning("[" + run_->who + "] another process writes to the folder " +
                run_->folder.path().string() +
                " too; without a version each run gets one of its own");
  }
  run_->started = true;
  run_->queue.post([writer = run_->writer, path = run_->path(), used] {
    writer->open(path, used);
  });
}

void FileLogger::log_metrics(const MetricMap& metrics, int64_t step) {
  start();
  run_->queue.add(metrics, step);
}

void FileLogger::log_hyperparams(const State& params) {
  start();
  run_->queue.post([writer = run_->writer, own = params.clone()] {
    writer->hyperparameters(own);
  });
}

State FileLogger::state() const {
  const auto position = std::make_shared<State>();
  if (run_->started) {
    // What was logged so far is written before its place is asked for.
    if (!run_->queue.flush()) return {};
    run_->queue.post(
        [writer = run_->writer, position] { *position = writer->position(); });
    if (!run_->queue.flush()) return {};
    run_->queue.post([writer = run_->writer] { writer->sync(); });
  }
  return State::map({{"save_dir", run_->folder.save_dir().string()},
                     {"name", run_->folder.name()},
                     {"version", run_->folder.version()},
                     {"position", std::move(*position)}});
}

bool FileLogger::resume(const State& state) {
  detail::RunFolder& folder = run_->folder;
  const State* position = state.find("position");
  const std::string& saved = state.at("version").as_string();
  const bool same =
      state.at("save_dir").as_string() == folder.save_dir().string() &&
      state.at("name").as_string() == folder.name() &&
      (!folder.is_fixed() || folder.version() == saved);
  if (!same || position == nullptr || position->is_none()) return false;
  if (!run_->queue.writes()) return false;
  const std::string before = folder.version();
  folder.use(saved);
  auto lock = detail::PathLock::shared(folder.path());
  const bool whole = run_->writer->can_resume(*position, run_->path());
  if (!whole || !lock->is_held()) {
    if (whole) {
      log_warning("[" + run_->who + "] another process writes to the folder " +
                  folder.path().string() + ", so this run doesn't go on there");
    }
    folder.use(before);
    return false;
  }
  run_->lock = std::move(lock);
  run_->started = true;
  run_->queue.post([writer = run_->writer, own = position->clone(),
                    path = run_->path()] { writer->resume(own, path); });
  return true;
}

void FileLogger::flush() { run_->queue.flush(); }

void FileLogger::finalize(LoggerStatus status) {
  if (!run_->started) return;
  run_->queue.post([writer = run_->writer, status] { writer->finish(status); });
  if (!run_->queue.finish()) return;
  const auto left = std::make_shared<std::size_t>(0);
  run_->queue.post([writer = run_->writer, left] {
    *left = writer->unwritten();
    writer->sync();
  });
  if (!run_->queue.finish() || *left == 0) return;
  log_message(LogLevel::kError, "[" + run_->who + "] " + std::to_string(*left) +
                                    " records of " + run_->path().string() +
                                    " are not written: see above");
}

}  // namespace bolt
