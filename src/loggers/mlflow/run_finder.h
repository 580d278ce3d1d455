#pragma once

#include <string>

#include "loggers/mlflow/progress.h"
#include "loggers/mlflow/records.h"
#include "loggers/mlflow/rest.h"

namespace bolt::detail {

/// Says that a run was deleted, and what can be done.
std::string mlflow_run_deleted(const std::string& run_id);

/// Finds a journal's run on a server, or makes it, and its experiment.
class MlflowRunFinder {
 public:
  explicit MlflowRunFinder(MlflowRest& rest) : rest_(&rest) {}

  struct Outcome {
    /// The answer with which it failed, or else one that is ok.
    MlflowReply reply{};
    /// It won't be found, however often it is looked for: why.
    std::string stop{};
    bool found = false;
  };
  /// One request, or nearly; again until it is found. `progress` tells what is
  /// known of it.
  Outcome go_on(const MlflowRun& run, MlflowProgress& progress);

 private:
  Outcome find_experiment(const MlflowRun& run, MlflowProgress& progress);

  MlflowRest* rest_;
  bool looked_ = false;
};

}  // namespace bolt::detail
