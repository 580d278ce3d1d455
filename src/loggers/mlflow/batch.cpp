#include "loggers/mlflow/batch.h"

#include <nlohmann/json.hpp>

#include "loggers/jsonl/json_text.h"

namespace bolt::detail {
namespace {

using nlohmann::json;

constexpr std::size_t kMostEntries = 1000;

}  // namespace

MlflowBatch::MlflowBatch(const std::vector<MlflowEntry>& entries) {
  for (const MlflowEntry& entry : entries) {
    add(entry.kind, {.json = entry.json, .count = 1});
  }
}

bool MlflowBatch::has_room(MlflowKind kind, const MlflowEntries& more,
                           std::size_t most_bytes) const {
  if (empty()) return true;
  const std::size_t bytes =
      lists_[0].size() + lists_[1].size() + lists_[2].size();
  return size() + more.count <= kMostEntries &&
         bytes + more.json.size() <= most_bytes &&
         (kind == MlflowKind::kMetric ||
          counts_[index(kind)] + more.count <= kMostMlflowPairs);
}

void MlflowBatch::add(MlflowKind kind, const MlflowEntries& more) {
  std::string& list = lists_[index(kind)];
  if (!list.empty()) list += ',';
  list += more.json;
  counts_[index(kind)] += more.count;
}

std::string MlflowBatch::body(const std::string& run_id) const {
  return "{\"run_id\":" + json_text(run_id) + ",\"metrics\":[" + lists_[0] +
         "],\"params\":[" + lists_[1] + "],\"tags\":[" + lists_[2] + "]}";
}

std::vector<MlflowEntry> MlflowBatch::entries() const {
  std::vector<MlflowEntry> out;
  for (const auto kind :
       {MlflowKind::kMetric, MlflowKind::kParam, MlflowKind::kTag}) {
    const json list =
        json::parse("[" + lists_[index(kind)] + "]", nullptr, false);
    if (!list.is_array()) continue;
    for (const json& entry : list) {
      out.push_back(
          {kind, entry.dump(-1, ' ', false, json::error_handler_t::replace)});
    }
  }
  return out;
}

}  // namespace bolt::detail
