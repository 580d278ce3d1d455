#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "loggers/wandb/records.h"

namespace bolt::detail::wandb {

/// A folder as W&B makes it: <dir>/wandb/run-<time>-<id>, or offline-run-…,
/// with the log run-<id>.wandb and the folders files/ and logs/ in it.
struct RunDir {
  std::filesystem::path path{};
  std::string id{};

  std::filesystem::path log() const { return path / ("run-" + id + ".wandb"); }
  std::filesystem::path files() const { return path / "files"; }
  std::filesystem::path logs() const { return path / "logs"; }
  /// Copies of files that are uploaded as artifacts.
  std::filesystem::path artifacts() const { return path / "artifacts"; }
  /// Whether W&B's tool has sent any of it.
  bool was_sent() const;
  /// Whether it has sent all of it.
  bool was_sent_whole() const;
};

/// "wandb" in that folder, or ".wandb" where that is there.
std::filesystem::path wandb_dir(const std::filesystem::path& dir);

/// Makes the folder of a new run, which nobody else has, and has
/// wandb/latest-run point to it. Throws Error naming the path.
RunDir make_run_dir(const std::filesystem::path& dir, const std::string& id,
                    bool offline, Time now);

/// The folders of the runs of that id, the oldest first.
std::vector<RunDir> runs_of(const std::filesystem::path& dir,
                            const std::string& id);
/// What wandb/latest-run points to.
std::optional<RunDir> latest_run(const std::filesystem::path& dir);

/// How far a log goes.
struct LogEnd {
  /// Where its last whole record ends, and how many records those are.
  uint64_t size = 0;
  int64_t records = 0;
  /// Of the last row of the history; -1: there is none.
  int64_t last_step = -1;
  /// Whether the end of the run is in it.
  bool finished = false;
};

/// Reads a log up to the first row of the history whose step is `before` or
/// greater, to the record that ends the run, or to its own end. Throws
/// DataError when it is no log.
LogEnd read_log(const std::filesystem::path& log,
                std::optional<int64_t> before = {});

}  // namespace bolt::detail::wandb
