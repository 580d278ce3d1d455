#pragma once

#include <torchbolt/state/state.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loggers/log_queue.h"
#include "loggers/mlflow/journal.h"

namespace bolt::detail {

using MlflowPairs = std::vector<std::pair<std::string, std::string>>;

/// Params, or tags, that one request may hold (mlflow/utils/validation.py).
inline constexpr std::size_t kMostMlflowPairs = 100;

/// The run as its journal's first line describes it.
struct MlflowRun {
  std::string key{};     ///< Ours: by it a run is found again on a server.
  std::string server{};  ///< Without name and password; may be empty.
  std::string experiment{};
  std::string artifact_location{};
  std::string name{};    ///< Empty: the server makes one up.
  std::string run_id{};  ///< Not empty: a run that is there.
  std::string user{};
  int64_t start_ms = 0;
  MlflowPairs tags{};
};

/// A file for the server.
struct MlflowArtifact {
  std::string path{};  ///< In the run: "images/a.png".
  std::string file{};  ///< In the journal's folder.
};

/// How the run stands: "RUNNING", "FINISHED", "FAILED", "KILLED".
struct MlflowStatus {
  std::string status{};
  int64_t time_ms = 0;
};

/// Writes what a run logs into its journal, in lines that each fit into one
/// request: names and values as MLflow takes them (`on_change` hears what
/// became of the others, once each), numbers as JSON has them.
class MlflowRecords {
 public:
  using OnChange = std::function<void(const std::string& message)>;

  /// `prefix` goes before each metric's name, as "prefix-name".
  MlflowRecords(Journal& journal, std::string prefix, OnChange on_change)
      : journal_(&journal),
        prefix_(std::move(prefix)),
        on_change_(std::move(on_change)) {}

  void run(const MlflowRun& run);
  void metrics(const MetricRow& row);
  void params(const MlflowPairs& params);
  void tags(const MlflowPairs& tags);
  void artifact(const MlflowArtifact& artifact);
  void status(const MlflowStatus& status);

  /// The points from `offset` on are in the journal already: the same ones are
  /// not written again. A run that goes on from before its end repeats them.
  void know_points(uint64_t offset);

 private:
  const std::string& quoted_key(std::string_view name);
  std::string key(std::string_view name);
  void add_pairs(std::string_view op, const MlflowPairs& pairs,
                 std::size_t length);
  bool is_known(std::string_view quoted, std::string_view value, int64_t step);

  using Names = std::shared_ptr<const std::vector<std::string>>;
  const std::vector<std::string>& quoted_keys(const Names& names);

  Journal* journal_;
  std::string prefix_;
  OnChange on_change_;
  std::map<std::string, std::string, std::less<>> keys_{};
  std::map<Names, std::vector<std::string>> keys_of_{};
  std::map<std::string, int, std::less<>> known_{};
};

/// Hyper-parameters as MLflow has them, which knows only text: nested maps
/// become "a/b", lists of maps "a/0/b", other values are spelled as in Python.
MlflowPairs mlflow_params(const State& params);

/// What a line says. None: it isn't of this kind, or not as it should be.
/// @{
std::optional<MlflowRun> read_run(const JournalLine& line);
std::optional<MlflowArtifact> read_artifact(const JournalLine& line);
std::optional<MlflowStatus> read_status(const JournalLine& line);
/// @}

/// The entries of a line of metrics, params or tags, as the server takes them:
/// JSON objects with commas between, and how many.
struct MlflowEntries {
  std::string_view json{};
  std::size_t count = 0;
};
std::optional<MlflowEntries> read_entries(const JournalLine& line);

}  // namespace bolt::detail
