#include "loggers/mlflow/run_finder.h"

#include <optional>

namespace bolt::detail {

MlflowRunFinder::Outcome MlflowRunFinder::go_on(const MlflowRun& run,
                                                MlflowProgress& progress) {
  std::optional<MlflowRunInfo> info;
  Outcome outcome;
  MlflowReply& reply = outcome.reply;
  const std::string known =
      progress.run_id.empty() ? run.run_id : progress.run_id;
  if (!known.empty()) {
    reply = rest_->get_run(known, info);
    if (reply.is_absent() || (info && info->deleted)) {
      outcome.stop = "there is no run " + known + " there, or it was deleted";
      return outcome;
    }
  } else if (progress.experiment_id.empty()) {
    return find_experiment(run, progress);
  } else if (progress.creating) {
    reply = rest_->find_run(progress.experiment_id, run.key, info);
    if (reply.ok() && !info) {
      progress.creating = false;  // no such run came to be
      return outcome;
    }
  } else {
    progress.creating = true;
    save_();
    reply = rest_->create_run(progress.experiment_id, run, info);
    // Only a server that has answered has made nothing.
    if (reply.is_refusal()) {
      progress.creating = false;
      outcome.stop = "no run can be made: " + reply.message;
      return outcome;
    }
  }
  if (!reply.ok()) return outcome;
  progress.run_id = info->run_id;
  progress.experiment_id = info->experiment_id;
  progress.artifact_uri = info->artifact_uri;
  progress.creating = false;
  save_();
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
