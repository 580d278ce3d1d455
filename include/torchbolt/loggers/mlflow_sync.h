#pragma once

#include <torchbolt/export.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace bolt {

/// Settings of `sync_mlflow`.
struct MLflowSyncOptions {
  /// Address of the server. None: the one that the run was to be sent to, or
  /// else MLFLOW_TRACKING_URI.
  std::optional<std::string> tracking_uri{};
  /// How long a server that doesn't answer is asked again.
  std::chrono::milliseconds timeout = std::chrono::seconds(60);
};

/// What `sync_mlflow` did.
struct MLflowSyncResult {
  /// The server has all of the run.
  bool complete = false;
  /// Why not.
  std::string problem{};
  std::string server{};
  /// Of the run there; empty when the server has told none.
  std::string run_id{};
  std::string url{};
  /// How many were sent now.
  int64_t metrics = 0;
  int64_t params = 0;
  int64_t artifacts = 0;
  /// Those that the server refused; mlflow_rejected.jsonl holds them.
  int64_t rejected = 0;
};

/// Sends what the journal in the folder of an MLflowLogger's run still holds.
/// Again, it sends nothing twice. A run that was killed gets that status.
/// Throws Error when there is no journal, or a run is writing it; ConfigError
/// when no server is known.
///
///     const auto result = bolt::sync_mlflow("mlflow/digits/version_0");
///     if (!result.complete) std::cerr << result.problem << "\n";
TORCHBOLT_API MLflowSyncResult sync_mlflow(
    const std::filesystem::path& folder, const MLflowSyncOptions& options = {});

}  // namespace bolt
