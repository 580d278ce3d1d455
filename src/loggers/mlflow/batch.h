#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "loggers/mlflow/records.h"

namespace bolt::detail {

/// What a request is made of.
enum class MlflowKind { kMetric, kParam, kTag };

/// One of it, as the server takes it.
struct MlflowEntry {
  MlflowKind kind{};
  std::string json{};
};

/// Metrics, params and tags that go to the server in one request, of which it
/// takes 1,000 together, 100 params, 100 tags (mlflow/utils/validation.py).
class MlflowBatch {
 public:
  MlflowBatch() = default;
  explicit MlflowBatch(const std::vector<MlflowEntry>& entries);

  /// An empty one has room for any line of a journal.
  bool has_room(MlflowKind kind, const MlflowEntries& more,
                std::size_t most_bytes) const;
  void add(MlflowKind kind, const MlflowEntries& more);

  bool empty() const { return size() == 0; }
  std::size_t size() const { return counts_[0] + counts_[1] + counts_[2]; }
  int64_t count(MlflowKind kind) const {
    return static_cast<int64_t>(counts_[index(kind)]);
  }
  /// Of the request.
  std::string body(const std::string& run_id) const;
  std::vector<MlflowEntry> entries() const;

 private:
  static std::size_t index(MlflowKind kind) {
    return static_cast<std::size_t>(kind);
  }

  std::string lists_[3]{};
  std::size_t counts_[3]{};
};

}  // namespace bolt::detail
