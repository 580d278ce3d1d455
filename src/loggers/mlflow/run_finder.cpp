#include "loggers/mlflow/run_finder.h"

#include <optional>

namespace bolt::detail {

std::string mlflow_run_deleted(const std::string& run_id) {
  return "the run " + run_id +
         " was deleted there (mlflow runs restore --run-id " + run_id +
         " brings it back)";
}

MlflowRunFinder::Outcome MlflowRunFinder::go_on(const MlflowRun& run,
                                                MlflowProgress& progress) {
  std::optional<MlflowRunInfo> info;
  Outcome outcome;
  MlflowReply& reply = outcome.reply;
  const std::string known =
      progress.run_id.empty() ? run.run_id : progress.run_id;
  if (!known.empty()) {
    reply = rest_->get_run(known, info);
    if (reply.is_absent()) {
      outcome.stop = "there is no run " + known + " there";
      return outcome;
    }
    if (info && info->deleted) {
      outcome.stop = mlflow_run_deleted(known);
      return outcome;
    }
  } else if (progress.experiment_id.empty()) {
    return find_experiment(run, progress);
  } else if (!looked_) {
    // It may be there: an answer was lost, or what was known of it here, or the
    // server has another address now.
    reply = rest_->find_run(progress.experiment_id, run.key, info);
    looked_ = reply.ok();
    if (looked_ && !info) return outcome;
  } else {
    looked_ = false;
    reply = rest_->create_run(progress.experiment_id, run, info);
    if (reply.is_refusal()) {
      outcome.stop = "no run can be made: " + reply.message;
      return outcome;
    }
  }
  if (!reply.ok()) return outcome;
  progress.run_id = info->run_id;
  progress.experiment_id = info->experiment_id;
  progress.artifact_uri = info->artifact_uri;
  outcome.found = true;
  return outcome;
}

// Several processes may make it at once: one does, the others look again.
MlflowRunFinder::Outcome MlflowRunFinder::find_experiment(
    const MlflowRun& run, MlflowProgress& progress) {
  std::optional<MlflowRest::Experiment> found;
  Outcome outcome{.reply = rest_->find_experiment(run.experiment, found)};
  MlflowReply& reply = outcome.reply;
  if (reply.is_absent()) {
    reply = rest_->create_experiment(run.experiment, run.artifact_location);
    if (reply.ok() || reply.is_there_already()) {
      reply = rest_->find_experiment(run.experiment, found);
    } else if (reply.is_refusal()) {
      outcome.stop = "the experiment \"" + run.experiment +
                     "\" can't be made: " + reply.message;
      return outcome;
    }
  }
  if (!found) return outcome;
  if (found->deleted) {
    outcome.stop = "the experiment \"" + run.experiment +
                   "\" was deleted there; restore it, or log to another";
    return outcome;
  }
  progress.experiment_id = found->id;
  return outcome;
}

}  // namespace bolt::detail
