#pragma once

#include <torchbolt/export.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace bolt {

/// What was logged of one metric, in that order.
struct LoggedMetric {
  std::vector<int64_t> steps{};
  std::vector<double> values{};
};
/// By the metrics' names.
using LoggedMetrics = std::map<std::string, LoggedMetric>;

/// Reads back the metrics of a run: of the files of CSVLogger (metrics.csv),
/// JSONLLogger (metrics.jsonl), TensorBoardLogger and others that write
/// TensorBoard's event files, and WandbLogger (run-ID.wandb). `path` is such
/// a file, or a folder that has one; of several kinds the first of these. What
/// is cut off at a file's end is passed over. Throws DataError when there is no
/// such file, or it can't be read.
///
///     auto loss = bolt::read_logged_metrics(*trainer.log_dir())["train/loss"];
TORCHBOLT_API LoggedMetrics
read_logged_metrics(const std::filesystem::path& path);

/// Whether there is something for `read_logged_metrics`.
TORCHBOLT_API bool has_logged_metrics(const std::filesystem::path& path);

}  // namespace bolt
