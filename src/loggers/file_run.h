#pragma once

#include <torchbolt/state/state.h>
#include <torchbolt/trainer/logger.h>

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "distributed/rank_zero.h"
#include "loggers/log_queue.h"
#include "loggers/path_lock.h"
#include "loggers/run_folder.h"

namespace bolt::detail {

/// What writes a FileLogger's files. All but `can_resume` is called by the
/// queue's thread.
class RunWriter : public LogWriter {
 public:
  /// The run begins in this folder, which is there. `used`: it held something.
  virtual void open(const std::filesystem::path& folder, bool used) = 0;
  /// What `resume` goes back to: what is written so far.
  virtual State position() = 0;
  /// Whether the folder has what that position tells of. Called by the
  /// logger's thread, before `resume`.
  virtual bool can_resume(const State& position,
                          const std::filesystem::path& folder) const = 0;
  /// Instead of `open`: what is behind that position goes, at the latest when
  /// something new comes.
  virtual void resume(const State& position,
                      const std::filesystem::path& folder) = 0;
  virtual void hyperparameters(const State& params) = 0;
  /// Brings what is written to the disk.
  virtual void sync() {}
  /// The run is over, for now.
  virtual void finish(LoggerStatus status) { (void)status; }
  /// How much waits because it couldn't be written.
  virtual std::size_t unwritten() const { return 0; }
};

/// What a FileLogger is made of.
class FileRun {
 public:
  /// `sub_dir` is a folder in the run's; empty: none.
  FileRun(RunFolder folder, std::shared_ptr<RunWriter> writer,
          LogQueueOptions options, std::string sub_dir = {})
      : who(options.who),
        folder(std::move(folder)),
        sub_dir(std::move(sub_dir)),
        writer(std::move(writer)),
        queue(this->writer, of_this_rank(std::move(options))) {}

  std::filesystem::path path() const {
    return sub_dir.empty() ? folder.path() : folder.path() / sub_dir;
  }

  const std::string who;
  RunFolder folder;
  const std::string sub_dir;
  const std::shared_ptr<RunWriter> writer;
  bool started = false;
  // Of the folder, while this run may write to it.
  std::shared_ptr<const PathLock> lock{};
  LogQueue queue;

 private:
  static LogQueueOptions of_this_rank(LogQueueOptions options) {
    options.silent = !is_rank_zero();
    return options;
  }
};

/// The names of rows as a file has them: behind a prefix, in quotes. Made once
/// for rows that share their names.
class NameTexts {
 public:
  /// Makes one of a name.
  using Text = std::function<std::string(const std::string& name)>;

  /// Each name behind "prefix-", and then as `text` makes it, if that is given.
  explicit NameTexts(std::string prefix, Text text = {})
      : prefix_(std::move(prefix)), text_(std::move(text)) {}

  using Texts = std::shared_ptr<const std::vector<std::string>>;
  /// In the order of the row's names.
  const Texts& of(const MetricRow& row);
  /// Of a name by itself.
  std::string of(std::string_view name) const;

 private:
  const std::string prefix_;
  const Text text_;
  // By the names, which are held so that no others take their place.
  std::map<std::shared_ptr<const std::vector<std::string>>, Texts> known_{};
};

}  // namespace bolt::detail
