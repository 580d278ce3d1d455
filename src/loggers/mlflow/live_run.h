#pragma once

#include <torchbolt/core/log.h>
#include <torchbolt/loggers/mlflow_logger.h>
#include <torchbolt/state/state.h>
#include <torchbolt/trainer/checkpoint_callback.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "loggers/http/url.h"
#include "loggers/log_queue.h"
#include "loggers/mlflow/sender.h"
#include "loggers/mlflow/writer.h"
#include "loggers/run_folder.h"

namespace bolt::detail {

/// A logger's run, from one `open` to `finalize`, and again. Used by the
/// training thread. Its calls do nothing in a process that was forked off, nor
/// in one that isn't rank 0 of its job.
class MlflowLiveRun {
 public:
  explicit MlflowLiveRun(const MLflowLoggerOptions& options);
  ~MlflowLiveRun();
  MlflowLiveRun(const MlflowLiveRun&) = delete;
  MlflowLiveRun& operator=(const MlflowLiveRun&) = delete;

  RunFolder& folder() { return folder_; }
  /// False where calls do nothing.
  bool writes() const { return of_rank_zero_ && !forked_off(); }

  /// Makes the run, or goes on with it behind its end.
  void open();
  /// What is given to it goes through the queue. They open the run.
  /// @{
  void add(const MetricMap& metrics, int64_t step);
  void post(std::function<void(MlflowWriter&)> job);
  void offer(std::size_t bytes, std::function<void(MlflowWriter&)> job);
  /// @}
  /// Keeps a copy of a file as it is now. Throws Error when it can't be read;
  /// none when the copy can't be written, which it says.
  std::optional<std::string> stage(const std::filesystem::path& file);
  void take_checkpoints(const CheckpointCallback& callback);
  void flush() const;
  void finalize(LoggerStatus status);

  State state() const;
  bool resume(const State& state);
  /// None until the server has told it.
  std::optional<MlflowSender::Place> place() const;

 private:
  bool forked_off() const;
  void open_journal();
  void begin();
  MlflowRun description() const;
  bool is_run_of(const State& state);
  void send_checkpoints();
  bool send_checkpoint(const KeptCheckpoint& kept, const State& settings);
  void send_aliases();
  void close(bool is_end, std::chrono::milliseconds wait);
  bool drain(std::chrono::milliseconds wait);
  void say_end(bool is_end, bool sent);
  template <class Call>
  std::optional<std::string> keep(const Call& call);

  MLflowLoggerOptions options_;
  const bool of_rank_zero_;
  std::string experiment_;
  RunFolder folder_;
  std::optional<Url> server_{};
  std::string key_{};
  bool claimed_ = false;
  std::shared_ptr<OnceLog> once_ = std::make_shared<OnceLog>();
  // While it is open.
  std::shared_ptr<MlflowWriter> writer_{};
  std::unique_ptr<LogQueue> queue_{};
  bool begun_ = false;
  int process_ = 0;
  // What it goes on behind.
  std::optional<uint64_t> rewind_to_{};
  // Of the last time that it was open.
  uint64_t closed_at_ = 0;
  MlflowSender::Place closed_place_{};
  bool told_place_ = false;

  // Of each callback.
  struct Kept {
    std::vector<KeptCheckpoint> files{};
    State settings{};
  };
  std::map<const CheckpointCallback*, Kept> kept_{};
  std::map<std::filesystem::path, std::filesystem::file_time_type>
      sent_checkpoints_{};
  std::map<std::filesystem::path, std::string> aliases_{};
};

}  // namespace bolt::detail
