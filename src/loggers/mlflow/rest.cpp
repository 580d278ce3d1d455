#include "loggers/mlflow/rest.h"

#include <torchbolt/core/files.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>

#include "core/environment.h"
#include "core/stripped.h"
#include "loggers/mlflow/json_fields.h"
#include "loggers/mlflow/names.h"

namespace bolt::detail {
namespace {

using nlohmann::json;

constexpr const char* kKeyTag = "torchbolt.run";
constexpr std::size_t kMostMessage = 500;
constexpr std::chrono::seconds kUploadStall{120};
constexpr int64_t kPassOnRate = 10 << 20;  // bytes a second

std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

json object_of(const std::string& text) {
  json value = json::parse(text, nullptr, false);
  return value.is_object() ? value : json();
}

MlflowRunInfo info_of(const json& run) {
  const json info = run.is_object() ? run.value("info", json()) : json();
  return {.run_id = text_at(info, "run_id"),
          .experiment_id = text_at(info, "experiment_id"),
          .artifact_uri = text_at(info, "artifact_uri"),
          .deleted = text_at(info, "lifecycle_stage") == "deleted"};
}

// An answer that isn't what was asked for came from somebody else, or was cut:
// as if none had come.
void distrust(MlflowReply& reply) {
  reply.http.status = 0;
  reply.message = "the answer isn't one of MLflow";
}

// Each part of a path by itself, so that its slashes stay.
std::string encoded_path(const std::string& path) {
  return percent_encoded(path, "/");
}

std::string joined(std::string_view left, std::string_view right) {
  std::string out(left);
  while (out.ends_with('/')) out.pop_back();
  while (right.starts_with('/')) right.remove_prefix(1);
  return out + "/" + std::string(right);
}

bool is_true(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return std::tolower(c); });
  return text == "true" || text == "1";
}

// A value of the section [mlflow] of ~/.mlflow/credentials.
Secret from_credentials(std::string_view wanted) {
  std::ifstream file(expand_user("~/.mlflow/credentials"));
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    const std::string text = stripped(line);
    if (text.starts_with('[')) {
      inside = text == "[mlflow]";
      continue;
    }
    const std::size_t split = text.find_first_of("=:");
    if (inside && split != std::string::npos &&
        stripped(text.substr(0, split)) == wanted) {
      return Secret(stripped(text.substr(split + 1)));
    }
  }
  return {};
}

}  // namespace

MlflowReply MlflowRest::send(const HttpRequest& request) {
  MlflowReply reply{.http = http_->send(request)};
  if (reply.ok()) return reply;
  const json object = object_of(reply.http.body);
  reply.error_code = text_at(object, "error_code");
  reply.message = text_at(object, "message").substr(0, kMostMessage);
  if (reply.message.empty()) {
    reply.message = reply.http.status > 0
                        ? "HTTP status " + std::to_string(reply.http.status)
                        : reply.http.error;
  }
  return reply;
}

MlflowReply MlflowRest::call(const char* method, const std::string& path,
                             std::string body, bool once) {
  MlflowReply reply = send({.method = method,
                            .url = server_.text() + "/api/2.0/mlflow/" + path,
                            .body = std::move(body),
                            .timeout = timeout_,
                            .once = once});
  // Every call answers with an object.
  if (reply.ok() && object_of(reply.http.body).is_null()) distrust(reply);
  return reply;
}

MlflowReply MlflowRest::find_experiment(const std::string& name,
                                        std::optional<Experiment>& found) {
  MlflowReply reply = call("GET", "experiments/get-by-name?experiment_name=" +
                                      percent_encoded(name));
  if (!reply.ok()) return reply;
  const json experiment =
      object_of(reply.http.body).value("experiment", json());
  found = {.id = text_at(experiment, "experiment_id"),
           .deleted = text_at(experiment, "lifecycle_stage") == "deleted"};
  if (found->id.empty()) distrust(reply);
  return reply;
}

MlflowReply MlflowRest::create_experiment(
    const std::string& name, const std::string& artifact_location) {
  json body{{"name", name}};
  if (!artifact_location.empty()) body["artifact_location"] = artifact_location;
  return call("POST", "experiments/create", dump(body));
}

MlflowReply MlflowRest::create_run(const std::string& experiment_id,
                                   const MlflowRun& run,
                                   std::optional<MlflowRunInfo>& made) {
  json tags = json::array();
  for (const auto& [key, value] : run.tags) {
    tags.push_back({{"key", key}, {"value", value}});
  }
  tags.push_back({{"key", kKeyTag}, {"value", run.key}});
  json body{{"experiment_id", experiment_id},
            {"start_time", run.start_ms},
            {"tags", std::move(tags)}};
  if (!run.name.empty()) body["run_name"] = run.name;
  if (!run.user.empty()) body["user_id"] = run.user;
  MlflowReply reply = call("POST", "runs/create", dump(body), true);
  if (!reply.ok()) return reply;
  made = info_of(object_of(reply.http.body).value("run", json()));
  if (made->run_id.empty()) distrust(reply);
  return reply;
}

MlflowReply MlflowRest::find_run(const std::string& experiment_id,
                                 const std::string& key,
                                 std::optional<MlflowRunInfo>& found) {
  const json body{
      {"experiment_ids", {experiment_id}},
      {"filter", std::string("tags.`") + kKeyTag + "` = '" + key + "'"},
      {"max_results", 1}};
  MlflowReply reply = call("POST", "runs/search", dump(body));
  if (!reply.ok()) return reply;
  const json runs = object_of(reply.http.body).value("runs", json());
  if (runs.is_array() && !runs.empty()) found = info_of(runs.front());
  return reply;
}

MlflowReply MlflowRest::get_run(const std::string& run_id,
                                std::optional<MlflowRunInfo>& found) {
  MlflowReply reply = call("GET", "runs/get?run_id=" + percent_encoded(run_id));
  if (!reply.ok()) return reply;
  found = info_of(object_of(reply.http.body).value("run", json()));
  if (found->run_id.empty()) distrust(reply);
  return reply;
}

MlflowReply MlflowRest::log_batch(const std::string& body) {
  return call("POST", "runs/log-batch", body);
}

MlflowReply MlflowRest::update_run(const std::string& run_id,
                                   const MlflowStatus& status) {
  json body{{"run_id", run_id}, {"status", status.status}};
  if (status.status != "RUNNING") body["end_time"] = status.time_ms;
  return call("POST", "runs/update", dump(body));
}

MlflowReply MlflowRest::upload(const std::string& artifact_uri,
                               const std::string& path,
                               const std::filesystem::path& file) {
  constexpr std::string_view kProxied = "mlflow-artifacts:";
  constexpr std::string_view kService = "/api/2.0/mlflow-artifacts/artifacts/";
  Url target = server_;
  std::string_view rest = artifact_uri;
  if (rest.starts_with(kProxied)) {
    rest.remove_prefix(kProxied.size());
    if (rest.starts_with("//") && !rest.starts_with("///")) {
      rest.remove_prefix(2);
      const std::size_t slash = std::min(rest.find('/'), rest.size());
      target.host = rest.substr(0, slash);
      rest.remove_prefix(slash);
    }
    while (rest.starts_with('/')) rest.remove_prefix(1);
    target.path += kService;
    target.path += encoded_path(joined(rest, path));
  } else if (const auto url = parse_url(rest)) {
    target = *url;
    target.path = joined(url->path, encoded_path(path));
  } else if (rest.starts_with('/') || rest.starts_with("file:")) {
    if (rest.starts_with("file:")) rest.remove_prefix(5);
    while (rest.starts_with("//")) rest.remove_prefix(1);
    return copy_artifact(std::filesystem::path(rest), path, file);
  } else {
    return {.http = {.status = 501},
            .error_code = "UNSUPPORTED",
            .message = "artifacts go to " + without_userinfo(artifact_uri) +
                       ", which only the server can reach; start it with "
                       "--artifacts-destination, so that it takes them itself"};
  }
  // The server may pass the file on before it answers.
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  const auto bytes = static_cast<int64_t>(error ? 0 : size);
  return send({.method = "PUT",
               .url = target.text(),
               .file = file,
               .timeout = {},
               .stall_timeout =
                   kUploadStall + std::chrono::seconds(bytes / kPassOnRate),
               .authorized = target.origin() == server_.origin()});
}

// The server keeps its artifacts in a folder, which on another machine isn't
// ours.
MlflowReply MlflowRest::copy_artifact(const std::filesystem::path& folder,
                                      const std::string& path,
                                      const std::filesystem::path& file) {
  std::error_code error;
  const std::filesystem::path target = folder / path;
  std::filesystem::create_directories(target.parent_path(), error);
  if (!error) {
    std::filesystem::copy_file(
        file, target, std::filesystem::copy_options::overwrite_existing, error);
  }
  if (!error) return {.http = {.status = 200}};
  return {.http = {.status = 501},
          .error_code = "UNSUPPORTED",
          .message = "artifacts go to the folder " + folder.string() +
                     " of the server, which can't be written from here (" +
                     error.message() +
                     "); start the server with --artifacts-destination, so "
                     "that it takes them itself"};
}

CurlOptions mlflow_curl_options(const Url& server) {
  CurlOptions options;
  options.user = server.user;
  options.password = server.password;
  if (options.user.empty()) {
    // As MLflow's client: each from the environment, else from the file; both,
    // or a token.
    options.user = environment("MLFLOW_TRACKING_USERNAME");
    options.password = Secret(environment("MLFLOW_TRACKING_PASSWORD"));
    if (options.user.empty()) {
      options.user = from_credentials("mlflow_tracking_username").expose();
    }
    if (options.password.empty()) {
      options.password = from_credentials("mlflow_tracking_password");
    }
    if (options.password.empty()) options.user.clear();
  }
  // Tokens that come from files have a newline behind them.
  options.token = Secret(stripped(environment("MLFLOW_TRACKING_TOKEN")));
  options.insecure_tls = is_true(environment("MLFLOW_TRACKING_INSECURE_TLS"));
  options.server_certificate = environment("MLFLOW_TRACKING_SERVER_CERT_PATH");
  options.client_certificate = environment("MLFLOW_TRACKING_CLIENT_CERT_PATH");
  return options;
}

}  // namespace bolt::detail
