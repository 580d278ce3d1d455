#pragma once

#include <torchbolt/export.h>
#include <torchbolt/loggers/file_logger.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>

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
  /// Rows after which the file is written, where that isn't due before: a tenth
  /// of a second after the first of them, or when `flush` asks for it.
  int64_t flush_logs_every_n_steps = 100;
  /// What can't be written ends the run, instead of being said in the log.
  bool strict = false;
};

/// Writes metrics to save_dir/name/version_n/metrics.csv, a row for each call,
/// and hyper-parameters to hparams.yaml beside it. The columns are the names of
/// all metrics so far, sorted; a new one rewrites the file in one piece, so
/// that it is whole at any moment. A file that vanishes during the run is begun
/// anew, with a message. docs/formats/csv.md describes both files. It keeps
/// neither histograms nor pictures nor texts.
///
///     .logger = {bolt::CSVLogger({.save_dir = "logs"})}
class TORCHBOLT_API CSVLogger final : public FileLogger {
 public:
  explicit CSVLogger(CSVLoggerOptions options = {});
  /// A copy is a logger with the same settings that has written nothing.
  CSVLogger(const CSVLogger& other) : CSVLogger(other.options_) {}
  CSVLogger& operator=(const CSVLogger&) = delete;

  /// Path of the metrics.
  std::filesystem::path metrics_path() const;

 private:
  CSVLoggerOptions options_;
};

}  // namespace bolt
