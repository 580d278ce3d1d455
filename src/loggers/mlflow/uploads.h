#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <utility>

#include "loggers/mlflow/journal.h"
#include "loggers/mlflow/records.h"

namespace bolt::detail {

/// The artifacts of a journal that wait for their upload, in turn.
class MlflowUploads {
 public:
  /// Those between two places of the journal: they were passed by before the
  /// process ended. Whose file is no longer in `folder` was uploaded.
  void collect(const Journal& journal, const std::filesystem::path& folder,
               uint64_t from, uint64_t to);
  /// `begin` is where its line begins.
  void add(uint64_t begin, MlflowArtifact artifact) {
    waiting_.push_back({begin, std::move(artifact)});
  }

  bool empty() const { return waiting_.empty(); }
  const MlflowArtifact& next() const { return waiting_.front().artifact; }
  void done() { waiting_.pop_front(); }
  /// The others first.
  void put_back();
  /// What is before that place is uploaded, where all is known up to `end`.
  uint64_t done_until(uint64_t end) const;

 private:
  struct Upload {
    uint64_t begin;
    MlflowArtifact artifact;
  };

  std::deque<Upload> waiting_{};
};

}  // namespace bolt::detail
