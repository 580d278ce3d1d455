#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "loggers/http/curl_http.h"
#include "loggers/http/http.h"
#include "loggers/http/url.h"
#include "loggers/mlflow/records.h"

namespace bolt::detail {

/// What a server said.
struct MlflowReply {
  HttpReply http{};
  std::string error_code{};  ///< "RESOURCE_DOES_NOT_EXIST", …
  std::string message{};     ///< For people.

  bool ok() const { return http.ok(); }
  bool is_absent() const { return error_code == "RESOURCE_DOES_NOT_EXIST"; }
  bool is_there_already() const {
    return error_code == "RESOURCE_ALREADY_EXISTS";
  }
  /// Whether what was sent is at fault, rather than where or when.
  bool is_refusal() const {
    const int status = http.status;
    return !http.is_transient() && status >= 400 && status != 401 &&
           status != 403 && status != 404;
  }
};

/// A run on a server.
struct MlflowRunInfo {
  std::string run_id{};
  std::string experiment_id{};
  std::string artifact_uri{};
  bool deleted = false;
};

/// The calls of MLflow's REST API 2.0 that a logger needs. Nothing here tries
/// again; where one gives an optional, it is there when the reply is ok and
/// such a thing exists.
class MlflowRest {
 public:
  MlflowRest(Http& http, Url server,
             std::chrono::milliseconds timeout = std::chrono::seconds(30))
      : http_(&http), server_(std::move(server)), timeout_(timeout) {}

  const Url& server() const { return server_; }

  struct Experiment {
    std::string id{};
    bool deleted = false;
  };
  MlflowReply find_experiment(const std::string& name,
                              std::optional<Experiment>& found);
  MlflowReply create_experiment(const std::string& name,
                                const std::string& artifact_location);
  MlflowReply create_run(const std::string& experiment_id, const MlflowRun& run,
                         std::optional<MlflowRunInfo>& made);
  /// The run that `create_run` made of `run`.
  MlflowReply find_run(const std::string& experiment_id, const std::string& key,
                       std::optional<MlflowRunInfo>& found);
  MlflowReply get_run(const std::string& run_id,
                      std::optional<MlflowRunInfo>& found);
  MlflowReply log_batch(const std::string& body);
  MlflowReply update_run(const std::string& run_id, const MlflowStatus& status);
  /// `artifact_uri` is the run's. What can't be done with it, and never will
  /// be, has the error code "UNSUPPORTED".
  MlflowReply upload(const std::string& artifact_uri, const std::string& path,
                     const std::filesystem::path& file);

 private:
  MlflowReply call(const char* method, const std::string& path,
                   std::string body = {}, bool once = false);
  MlflowReply send(const HttpRequest& request);
  MlflowReply copy_artifact(const std::filesystem::path& folder,
                            const std::string& path,
                            const std::filesystem::path& file);

  Http* http_;
  Url server_;
  std::chrono::milliseconds timeout_;
};

/// Where MLflow's own client finds it, in the environment and in
/// ~/.mlflow/credentials: name and password (of the address first), a token,
/// certificates.
CurlOptions mlflow_curl_options(const Url& server);

}  // namespace bolt::detail
