#include "loggers/mlflow/delivery.h"

#include <torchbolt/core/log.h>

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "loggers/mlflow/names.h"

namespace bolt::detail {
namespace {

using nlohmann::json;

constexpr std::size_t kLeastBytes = 1000;

void count(MlflowDelivery::Outcome& outcome, const MlflowBatch& batch) {
  for (const auto kind :
       {MlflowKind::kMetric, MlflowKind::kParam, MlflowKind::kTag}) {
    outcome.sent[static_cast<std::size_t>(kind)] += batch.count(kind);
  }
}

}  // namespace

MlflowDelivery::Outcome MlflowDelivery::deliver(const std::string& run_id,
                                                const MlflowBatch& batch) {
  run_id_ = run_id;
  Outcome outcome{.reply = rest_->log_batch(batch.body(run_id))};
  const MlflowReply refusal = outcome.reply;
  if (refusal.ok()) count(outcome, batch);
  if (!refusal.is_refusal()) return outcome;
  if (refusal.http.status == 413) {
    most_bytes_ = std::max(most_bytes_ / 2, kLeastBytes);
  } else if (is_deleted(run_id)) {
    outcome.run_is_deleted = true;
    return outcome;
  }
  send_halves(outcome, batch.entries(), refusal);
  return outcome;
}

bool MlflowDelivery::is_deleted(const std::string& run_id) {
  std::optional<MlflowRunInfo> info;
  const MlflowReply reply = rest_->get_run(run_id, info);
  return reply.is_absent() || (info && info->deleted);
}

bool MlflowDelivery::send(Outcome& outcome, const MlflowBatch& batch) {
  outcome.reply = rest_->log_batch(batch.body(run_id_));
  if (outcome.reply.is_refusal()) {
    const MlflowReply refusal = outcome.reply;
    return send_halves(outcome, batch.entries(), refusal);
  }
  if (outcome.reply.ok()) count(outcome, batch);
  return outcome.reply.ok();
}

// Until what the server refuses stands alone. What of it was sent already may
// be sent again.
bool MlflowDelivery::send_halves(Outcome& outcome,
                                 std::vector<MlflowEntry> entries,
                                 const MlflowReply& refusal) {
  if (entries.size() <= 1) {
    if (!entries.empty()) reject(entries.front(), refusal);
    outcome.reply = {.http = {.status = 200}};
    return true;
  }
  const auto middle =
      entries.begin() + static_cast<std::ptrdiff_t>(entries.size() / 2);
  const std::vector<MlflowEntry> second(middle, entries.end());
  entries.erase(middle, entries.end());
  return send(outcome, MlflowBatch(entries)) &&
         send(outcome, MlflowBatch(second));
}

void MlflowDelivery::reject(const MlflowEntry& entry,
                            const MlflowReply& reply) {
  if (!rejected_.insert(entry.json).second) return;
  const bool is_other_value =
      entry.kind == MlflowKind::kParam &&
      reply.message.find("Changing param values") != std::string::npos;
  if (is_other_value) {
    // Params can't change. The new value isn't lost as a tag.
    json tag = json::parse(entry.json, nullptr, false);
    const std::string key = tag.value("key", "");
    tag["key"] = mlflow_key("param." + key);
    log_warning("[MLflow] the run has another value of \"" + key +
                "\" already, which MLflow doesn't let change; the new one is "
                "the tag \"param." +
                key + "\"");
    const MlflowBatch second(
        {{MlflowKind::kTag,
          tag.dump(-1, ' ', false, json::error_handler_t::replace)}});
    if (rest_->log_batch(second.body(run_id_)).ok()) return;
  }
  rejects_->note(entry.json, reply.message);
}

}  // namespace bolt::detail
