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
/// training thread. In a process that was forked off, its calls do nothing.
class MlflowLiveRun {
 public:
  explicit MlflowLiveRun(const MLflowLoggerOptions& options);
  ~MlflowLiveRun();
  MlflowLiveRun(const MlflowLiveRun&) = delete;
  MlflowLiveRun& operator=(const MlflowLiveRun&) = delete;

  RunFolder& folder() { return folder_; }

  /// Makes the run, or goes on with it behind its end.
  void open();
  /// What is given to it goes through the queue. They open the run.
  /// @{
  void add(const MetricMap& metrics, int64_t step);
  void post(std::function<void(MlflowWriter&)> job);
  void offer(std::size_t bytes, std::function<void(MlflowWriter&)> job);
  /// @}
  /// Keeps a copy of a file as it is now.
  std::string stage(const std::filesystem::path& file);
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
  void send_checkpoint(const KeptCheckpoint& kept);
  void send_aliases();
  void close(std::chrono::milliseconds wait);
  bool drain(std::chrono::milliseconds wait);
  void say_end(bool sent);

  MLflowLoggerOptions options_;
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

  std::vector<KeptCheckpoint> kept_{};
  State checkpoint_settings_{};
  std::map<std::filesystem::path, std::filesystem::file_time_type>
      sent_checkpoints_{};
  std::map<std::filesystem::path, std::string> aliases_{};
};

}  // namespace bolt::detail
