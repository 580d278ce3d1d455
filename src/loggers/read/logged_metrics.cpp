#include <torchbolt/core/error.h>
#include <torchbolt/loggers/logged_metrics.h>

#include <algorithm>
#include <functional>
#include <string_view>
#include <system_error>

#include "loggers/read/readers.h"

namespace bolt {
namespace {

namespace fs = std::filesystem;

bool is_event_file(const fs::path& path) {
  return path.filename().string().find("tfevents") != std::string::npos;
}

struct Kind {
  std::function<bool(const fs::path&)> is{};
  std::function<LoggedMetrics(const std::vector<fs::path>&)> read{};
};

bool is_journal(const fs::path& path) {
  return path.filename() == "mlflow.jsonl";
}

Kind one_file(std::string_view end, LoggedMetrics (*read)(const fs::path&)) {
  return {.is =
              [end](const fs::path& path) {
                return !is_event_file(path) && !is_journal(path) &&
                       path.extension() == end;
              },
          .read = [read](const auto& files) { return read(files.back()); }};
}

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> kKinds{
      one_file(".csv", detail::read_csv_metrics),
      one_file(".jsonl", detail::read_jsonl_metrics),
      {.is = is_event_file,
       .read =
           [](const auto& files) {
             LoggedMetrics metrics;
             for (const auto& file : files) {
               detail::read_event_metrics(file, metrics);
             }
             return metrics;
           }},
      one_file(".wandb", detail::read_wandb_metrics),
      {.is = is_journal,
       .read =
           [](const auto& files) {
             return detail::read_mlflow_metrics(files.back());
           }},
  };
  return kKinds;
}

// The files of a run, and what they are; none: null.
const Kind* find(const fs::path& path, std::vector<fs::path>& files) {
  std::error_code error;
  if (fs::is_directory(path, error)) {
    for (const auto& entry : fs::directory_iterator(path, error)) {
      // Other tables may stand beside the metrics.
      const auto& file = entry.path();
      const bool named =
          file.extension() == ".csv" || file.extension() == ".jsonl";
      if (!named || file.stem() == "metrics" || is_journal(file)) {
        files.push_back(file);
      }
    }
  } else if (fs::exists(path, error)) {
    files.push_back(path);
  }
  std::ranges::sort(files);
  for (const Kind& kind : kinds()) {
    std::vector<fs::path> these;
    std::ranges::copy_if(files, std::back_inserter(these), kind.is);
    if (these.empty()) continue;
    files = std::move(these);
    return &kind;
  }
  return nullptr;
}

}  // namespace

bool has_logged_metrics(const fs::path& path) {
  std::vector<fs::path> files;
  return find(path, files) != nullptr;
}

LoggedMetrics read_logged_metrics(const fs::path& path) {
  std::vector<fs::path> files;
  const Kind* kind = find(path, files);
  if (kind == nullptr) {
    throw DataError({.where = "read_logged_metrics(" + path.string() + ")",
                     .what = "there are no metrics",
                     .expected = "metrics.csv, metrics.jsonl, mlflow.jsonl, an "
                                 "event file of TensorBoard, or a .wandb file, "
                                 "or a folder with one"});
  }
  return kind->read(files);
}

}  // namespace bolt
