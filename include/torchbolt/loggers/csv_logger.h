#pragma once

#include <torchbolt/export.h>
#include <torchbolt/trainer/logger.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

namespace bolt {

/// Settings of CSVLogger.
struct CSVLoggerOptions {
  /// Folder under which runs are kept; none: the Trainer's default_root_dir.
  std::optional<std::filesystem::path> save_dir{};
  /// Folder of the experiment in it; empty leaves that level out.
  std::string name = "lightning_logs";
  /// Folder of this run: a number n is "version_n", text is taken as it is;
  /// none: the next free number.
  std::optional<std::variant<int64_t, std::string>> version{};
  /// Goes before each metric's name, as "prefix-name".
  std::string prefix{};
  /// Rows after which the file is flushed, where nobody asks for it before (the
  /// Trainer does, after every row).
  int64_t flush_logs_every_n_steps = 100;
};

/// Writes metrics to save_dir/name/version_n/metrics.csv, a row for each call,
/// and hyper-parameters to hparams.yaml beside it. The columns are the names of
/// all metrics so far, sorted; a new one rewrites the file in one piece, so
/// that it is whole at any moment. A file that vanishes during the run is begun
/// anew, with a message. docs/formats/csv.md describes both files. It keeps no
/// histograms.
///
///     .logger = {bolt::CSVLogger({.save_dir = "logs"})}
class TORCHBOLT_API CSVLogger final : public Logger {
 public:
  explicit CSVLogger(CSVLoggerOptions options = {});
  /// A copy is a logger with the same settings that has written nothing.
  CSVLogger(const CSVLogger& other) : CSVLogger(other.options_) {}
  CSVLogger& operator=(const CSVLogger&) = delete;
  ~CSVLogger() override;

  std::string name() const override { return options_.name; }
  std::string version() const override;
  std::optional<std::filesystem::path> save_dir() const override;
  std::optional<std::filesystem::path> log_dir() const override;
  /// Path of the metrics.
  std::filesystem::path metrics_path() const;

  void set_default_root(const std::filesystem::path& root) override;
  /// Makes the folder. Throws Error naming it when that can't be done.
  void start() override;
  void log_metrics(const MetricMap& metrics, int64_t step) override;
  void log_hyperparams(const State& params) override;
  /// The run, and the number of its rows.
  State state() const override;
  bool resume(const State& state) override;
  void save() override;
  void finalize(LoggerStatus status) override;

 private:
  std::filesystem::path experiment_dir() const;
  int64_t next_version() const;
  void claim_version();
  void rewind();
  int64_t rewrite(int64_t most = std::numeric_limits<int64_t>::max());
  void open_for_append();
  void check_written();

  CSVLoggerOptions options_;
  std::filesystem::path root_{};
  mutable std::optional<std::string> version_{};
  bool started_ = false;
  std::set<std::string> columns_{};
  std::ofstream file_{};
  int64_t unflushed_ = 0;
  int64_t rows_ = 0;
  // The file may hold more rows than the run that is gone on with had.
  bool rewinds_ = false;
};

}  // namespace bolt
