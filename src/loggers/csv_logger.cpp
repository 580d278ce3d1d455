#include <torchbolt/core/error.h>
#include <torchbolt/loggers/csv_logger.h>

#include <memory>
#include <utility>

#include "loggers/csv/writer.h"
#include "loggers/file_run.h"

namespace bolt {
namespace {

std::unique_ptr<detail::FileRun> make_run(const CSVLoggerOptions& options) {
  if (options.flush_logs_every_n_steps < 1) {
    throw ConfigError({.where = "CSVLogger",
                       .what = "flush_logs_every_n_steps is too small",
                       .got = std::to_string(options.flush_logs_every_n_steps),
                       .expected = "at least 1"});
  }
  return std::make_unique<detail::FileRun>(
      detail::RunFolder(options.save_dir, options.name, options.version),
      std::make_shared<detail::CsvWriter>(options.prefix,
                                          options.flush_logs_every_n_steps),
      detail::LogQueueOptions{.who = "CSVLogger", .strict = options.strict});
}

}  // namespace

CSVLogger::CSVLogger(CSVLoggerOptions options)
    : FileLogger(make_run(options)), options_(std::move(options)) {}

std::filesystem::path CSVLogger::metrics_path() const {
  return *log_dir() / "metrics.csv";
}

}  // namespace bolt
