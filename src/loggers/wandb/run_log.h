#pragma once

#include <torchbolt/state/state.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "loggers/path_lock.h"
#include "loggers/record_file.h"
#include "loggers/wandb/records.h"

namespace bolt::detail::wandb {

/// The metric that is the x axis of all others, as Lightning has it.
inline constexpr const char* kGlobalStep = "trainer/global_step";

/// Writes a run's log, so that W&B's tool can send it as it is: that does no
/// more than read it, so the values that its service would add while it records
/// (steps, times, summary, the metrics that a pattern of names means) are added
/// here. Throws Error when the file can't be written. Used by one thread.
class RunLog {
 public:
  /// A new log.
  RunLog(const std::filesystem::path& log, const RunInfo& run,
         const Environment& environment);
  /// Goes on in a log that has `records` whole ones in its first `size` bytes.
  /// `first_step` is that of the next row.
  RunLog(const std::filesystem::path& log, const RunInfo& run, uint64_t size,
         int64_t records, int64_t first_step);

  /// A row of the history: a value may be anything that is JSON. `step` is the
  /// Trainer's.
  void row(Items values, int64_t step, Time time);
  void config(const State& params);
  /// What the process printed, line ends included.
  void output(std::string_view text, bool error, Time time);
  /// A file under files/ that is complete; goes before the row that shows it.
  void file(std::string_view path);
  void artifact(const Artifact& artifact);
  void exit(int32_t code, Time time);
  /// Writes what was added, in one piece.
  void flush();
  /// Brings it to the disk.
  void sync();
  /// Of the row that comes next; W&B's own, which counts rows.
  int64_t next_step() const { return next_step_; }
  /// How many records wait because they couldn't be written.
  std::size_t unwritten() const { return file_.pending(); }
  /// Whether the path still leads to this log.
  bool is_there() const { return file_.is_there(); }

 private:
  void write(const Message& message);
  void write_summary();
  void define(const Items& values);
  int32_t runtime(Time time) const;

  RecordFile file_;
  PathLock lock_;
  // Where the next record begins.
  uint64_t end_ = 0;
  RunInfo run_;
  std::vector<std::string> secrets_;
  int64_t records_ = 0;
  int64_t next_step_ = 0;
  std::set<std::string> defined_{};
  // The last row, and whether its summary is written.
  Items last_{};
  bool has_summary_ = true;
};

/// Cuts off what a killed process left at the end of a log that has no end of
/// the run, and ends the run as a failed one, so that W&B's tool takes it as
/// whole. Does nothing to one that is being written, and to one that ended.
void repair(const std::filesystem::path& log);

/// The machine and the command that a run is of, without secrets.
Environment environment_now(const RunInfo& run,
                            const std::vector<std::string>& secrets);

/// Seconds, as JSON.
std::string seconds_json(std::chrono::nanoseconds time);

}  // namespace bolt::detail::wandb
