#include "loggers/mlflow/writer.h"

#include <torchbolt/core/error.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "loggers/jsonl/json_text.h"
#include "loggers/mlflow/names.h"
#include "loggers/mlflow/progress.h"

namespace bolt::detail {

MlflowWriter::MlflowWriter(const std::filesystem::path& folder,
                           std::string prefix,
                           MlflowRecords::OnChange on_change,
                           std::optional<Url> server)
    : folder_(folder),
      journal(mlflow_journal(folder)),
      records(journal, std::move(prefix), std::move(on_change)),
      staging(folder),
      session(journal, folder, std::move(server)) {
  limit_progress(folder, journal.size());
}

void MlflowWriter::write(const MetricRow& row) { records.metrics(row); }

void MlflowWriter::end_batch() {
  session.wake();
  const int error = journal.write_error();
  if (error == 0) return;
  throw Error({.where = journal.path().string(),
               .what = "can't write, so that what is logged waits in memory: " +
                       std::generic_category().message(error)});
}

void MlflowWriter::rewind(uint64_t offset) {
  journal.cut(std::max(offset, furthest_offered(folder_)));
  records.know_points(offset);
}

void MlflowWriter::add_artifact(const std::string& path,
                                const std::string& staged) {
  records.artifact({.path = path, .file = staged});
}

void MlflowWriter::add_content(const std::string& path,
                               std::string_view bytes) {
  add_artifact(
      path, staging.keep_bytes(bytes, std::filesystem::path(path).extension()));
}

// The newest, as many as a tag holds.
void MlflowWriter::add_table(const std::string& path, std::string_view json) {
  add_content(path, json);
  tables_.push_back("{\"path\":" + json_text(path) + ",\"type\":\"table\"}");
  std::string list;
  for (std::size_t k = tables_.size(); k > 0; --k) {
    const std::string& table = tables_[k - 1];
    if (list.size() + table.size() + 3 > kMlflowTagLength) break;
    list = list.empty() ? table : table + "," + list;
  }
  records.tags({{"mlflow.loggedArtifacts", "[" + list + "]"}});
}

}  // namespace bolt::detail
