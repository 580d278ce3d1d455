#pragma once

#include <torchbolt/loggers/logged_metrics.h>

#include <filesystem>

namespace bolt::detail {

// Each reads one kind of file, and throws DataError for what isn't one.

LoggedMetrics read_csv_metrics(const std::filesystem::path& path);
LoggedMetrics read_jsonl_metrics(const std::filesystem::path& path);
/// Adds to what earlier files of the run held; a session that begins at a step
/// takes back what they held from there on.
void read_event_metrics(const std::filesystem::path& path,
                        LoggedMetrics& metrics);
/// Of MLflowLogger's journal.
LoggedMetrics read_mlflow_metrics(const std::filesystem::path& path);
LoggedMetrics read_wandb_metrics(const std::filesystem::path& path);

}  // namespace bolt::detail
