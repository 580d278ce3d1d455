#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "loggers/http/url.h"
#include "loggers/log_queue.h"
#include "loggers/mlflow/journal.h"
#include "loggers/mlflow/records.h"
#include "loggers/mlflow/session.h"
#include "loggers/mlflow/staging.h"

namespace bolt::detail {

/// A run's journal while it is open: what writes into it and what sends it.
/// Used by the queue's thread; `session` and `journal` by all.
class MlflowWriter final : public LogWriter {
 public:
  /// `prefix` and `on_change`: see MlflowRecords.
  MlflowWriter(const std::filesystem::path& folder, std::string prefix,
               MlflowRecords::OnChange on_change, std::optional<Url> server);

  void write(const MetricRow& row) override;
  void end_batch() override;

  /// Takes out what is behind a checkpoint, as far as no server can have it; of
  /// the rest, what comes again isn't sent again.
  void rewind(uint64_t offset);
  /// Files for the server; `path` is where in the run.
  /// @{
  void add_artifact(const std::string& path, const std::string& staged);
  void add_content(const std::string& path, std::string_view bytes);
  /// @}
  /// A table that the server's pages show as one.
  void add_table(const std::string& path, std::string_view json);

  const std::filesystem::path& folder() const { return folder_; }

 private:
  std::filesystem::path folder_;
  std::vector<std::string> tables_{};

 public:
  Journal journal;
  MlflowRecords records;
  Staging staging;
  MlflowSession session;
};

}  // namespace bolt::detail
