#pragma once

#include <ATen/core/Tensor.h>
#include <torchbolt/export.h>
#include <torchbolt/loggers/file_logger.h>
#include <torchbolt/trainer/logger.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace bolt {

/// Settings of JSONLLogger.
struct JSONLLoggerOptions {
  /// Folder under which runs are kept; none: the Trainer's default_root_dir.
  std::optional<std::filesystem::path> save_dir{};
  /// Folder of the experiment in it; empty leaves that level out.
  std::string name = "lightning_logs";
  /// Folder of this run: a number n is "version_n", text is taken as it is;
  /// none: the next free number.
  std::optional<std::variant<int64_t, std::string>> version{};
  /// Goes before each metric's name, as "prefix-name".
  std::string prefix{};
  /// What can't be written ends the run, instead of being said in the log.
  bool strict = false;
};

/// Writes save_dir/name/version_n/metrics.jsonl: a line of JSON for each call,
/// metrics, hyper-parameters, histograms, texts and tables alike; pictures are
/// files beside it that a line names. The file only grows, line by line, so
/// that any program can follow it. docs/formats/jsonl.md describes it.
///
///     .logger = {bolt::JSONLLogger({.save_dir = "logs"})}
///
///     $ tail -f logs/lightning_logs/version_0/metrics.jsonl
///     {"t":1764257712.25,"step":49,"epoch":0,"m":{"train/loss":0.51}}
class TORCHBOLT_API JSONLLogger final : public FileLogger {
 public:
  explicit JSONLLogger(JSONLLoggerOptions options = {});
  /// A copy is a logger with the same settings that has written nothing.
  JSONLLogger(const JSONLLogger& other) : JSONLLogger(other.options_) {}
  JSONLLogger& operator=(const JSONLLogger&) = delete;

  /// Path of the file.
  std::filesystem::path metrics_path() const;

  bool logs_histograms() const override { return true; }
  void log_histogram(std::string_view name, const Histogram& histogram,
                     int64_t step) override;
  void log_image(std::string_view name, const at::Tensor& image,
                 int64_t step) override;
  void log_figure(std::string_view name, const Figure& figure,
                  int64_t step) override;
  void log_text(std::string_view name, std::string_view text,
                int64_t step) override;
  void log_table(std::string_view name, const Table& table,
                 int64_t step) override;

 private:
  JSONLLoggerOptions options_;
};

}  // namespace bolt
