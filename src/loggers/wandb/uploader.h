#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "loggers/wandb/run_dir.h"

namespace bolt::detail::wandb {

/// The path of a program: in PATH, or as it is where it has a slash; empty when
/// it isn't there.
std::filesystem::path find_program(const std::string& name);

/// The command that sends a run later, for a person to copy.
std::string sync_command(const RunDir& run);

/// Has W&B's tool send a log while it grows, as a process that is started again
/// when it fails, and that doesn't outlive this one. It gets keys through the
/// environment it inherits, and through nothing else. Thread-safe.
class Uploader {
 public:
  /// How often a tool that failed is started again, and how long before the
  /// first time; each next one takes twice as long.
  struct Options {
    int restarts = 5;
    std::chrono::milliseconds pause{1000};
    /// Between asking it to end, and ending it.
    std::chrono::milliseconds grace{2000};
  };

  Uploader(std::filesystem::path program, RunDir run, Options options);
  Uploader(std::filesystem::path program, RunDir run)
      : Uploader(std::move(program), std::move(run), Options()) {}
  /// Ends the tool.
  ~Uploader();
  Uploader(const Uploader&) = delete;
  Uploader& operator=(const Uploader&) = delete;

  /// To be called when the end of the run is in the log: waits until the tool
  /// has sent all, and returns whether it has; at most so long, then it is
  /// ended.
  bool finish(std::chrono::nanoseconds timeout);

 private:
  void run(const std::stop_token& stop);
  int run_once();
  void send(int signal) const;

  std::filesystem::path program_;
  RunDir run_;
  Options options_;
  std::mutex mutex_{};
  std::condition_variable_any changed_{};
  // What follows is the mutex's.
  int pid_ = -1;
  bool ending_ = false;  // no further start
  bool done_ = false;    // there will be none
  bool sent_ = false;
  std::jthread thread_{};
};

}  // namespace bolt::detail::wandb
