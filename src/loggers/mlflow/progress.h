#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace bolt::detail {

/// How much of a journal a server has. Kept in "mlflow_sent.json" beside the
/// journal, for each server; what is written there never tells of more than the
/// server has.
struct MlflowProgress {
  std::string experiment_id{};
  std::string run_id{};
  std::string artifact_uri{};
  /// Bytes of the journal: lines that the server has, apart from artifacts;
  /// that it may have, as they were sent; artifacts.
  uint64_t sent = 0;
  uint64_t offered = 0;
  uint64_t artifacts = 0;
};

/// The progress with this server; a new one when the file tells of none, or is
/// damaged: all is then sent again, which does no harm.
MlflowProgress read_progress(const std::filesystem::path& folder,
                             const std::string& server);

/// Replaces it in the file. Throws Error.
void write_progress(const std::filesystem::path& folder,
                    const std::string& server, const MlflowProgress& progress);

/// Takes back what it tells of more than `size` bytes of the journal, which
/// hasn't got so many: damage, or lines that a full disk has no room for, went
/// to the server and not into the file. Does nothing when that can't be
/// written.
void limit_progress(const std::filesystem::path& folder, uint64_t size);

/// How far any server may have got: what is behind that was sent to none.
uint64_t furthest_offered(const std::filesystem::path& folder);

}  // namespace bolt::detail
