#pragma once

#include <torchbolt/export.h>
#include <torchbolt/trainer/logger.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace bolt {

namespace detail {
class FileRun;
}

/// What the loggers have in common that write into a folder of the run,
/// save_dir/name/version_n, on a thread of their own: TensorBoardLogger,
/// CSVLogger, JSONLLogger. Of two that begin a run at a time each gets a folder
/// of its own. Made by deriving from it, which is for the library's own
/// loggers.
///
///     bolt::CSVLogger logger({.save_dir = "logs"});
///     logger.log_metrics({{"loss", 0.5}}, 0);
///     logger.flush();  // logs/lightning_logs/version_0/metrics.csv is there
class TORCHBOLT_API FileLogger : public Logger {
 public:
  /// Waits until all is written.
  ~FileLogger() override;
  FileLogger(const FileLogger&) = delete;
  FileLogger& operator=(const FileLogger&) = delete;

  std::string name() const override;
  std::string version() const override;
  std::optional<std::filesystem::path> save_dir() const override;
  std::optional<std::filesystem::path> log_dir() const override;

  void set_default_root(const std::filesystem::path& root) override;
  /// Makes the folder. Throws Error naming it when that can't be done.
  void start() override;
  void log_metrics(const MetricMap& metrics, int64_t step) override;
  /// Writes hparams.yaml, among others.
  void log_hyperparams(const State& params) override;
  /// The run, and what its files hold.
  State state() const override;
  bool resume(const State& state) override;
  void flush() override;
  void finalize(LoggerStatus status) override;

 protected:
  explicit FileLogger(std::unique_ptr<detail::FileRun> run);
  detail::FileRun& run() const { return *run_; }

 private:
  std::unique_ptr<detail::FileRun> run_;
};

}  // namespace bolt
