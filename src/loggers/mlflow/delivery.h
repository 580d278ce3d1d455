#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "loggers/mlflow/batch.h"
#include "loggers/mlflow/rejects.h"
#include "loggers/mlflow/rest.h"

namespace bolt::detail {

/// Brings batches into a run on a server. What the server refuses is found by
/// halving the batch, and left out.
class MlflowDelivery {
 public:
  MlflowDelivery(MlflowRest& rest, MlflowRejects& rejects)
      : rest_(&rest), rejects_(&rejects) {}

  struct Outcome {
    /// The answer with which it failed; ok when the server has all of the
    /// batch, but for what it refuses.
    MlflowReply reply{};
    bool run_is_deleted = false;
    /// How many of each MlflowKind it got.
    int64_t sent[3]{};
  };
  Outcome deliver(const std::string& run_id, const MlflowBatch& batch);
  /// How long a batch may be: less where the server says that it was too long.
  std::size_t most_bytes() const { return most_bytes_; }

  /// Whether the server says so, or knows no such run.
  bool is_deleted(const std::string& run_id);

 private:
  bool send(Outcome& outcome, const MlflowBatch& batch);
  bool send_halves(Outcome& outcome, std::vector<MlflowEntry> entries,
                   const MlflowReply& refusal);
  void reject(const MlflowEntry& entry, const MlflowReply& reply);

  MlflowRest* rest_;
  MlflowRejects* rejects_;
  std::size_t most_bytes_ = 900'000;  // the server takes 1,000,000
  std::string run_id_{};
  std::set<std::string> rejected_{};
};

}  // namespace bolt::detail
