#include "loggers/mlflow/progress.h"

#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <system_error>

#include "core/atomic_file.h"
#include "loggers/mlflow/json_fields.h"

namespace bolt::detail {
namespace {

using nlohmann::json;

std::filesystem::path path_in(const std::filesystem::path& folder) {
  return folder / "mlflow_sent.json";
}

json read_all(const std::filesystem::path& folder) {
  std::error_code error;
  json all;
  if (std::filesystem::exists(path_in(folder), error)) {
    all = json::parse(read_file(path_in(folder)), nullptr, false);
  }
  if (!all.is_object() || all.value("version", json()) != json(1) ||
      !all.value("servers", json()).is_object()) {
    all = json{{"version", 1}, {"servers", json::object()}};
  }
  return all;
}

void write_all(const std::filesystem::path& folder, const json& all) {
  AtomicFile file(path_in(folder));
  file.write(all.dump(1, ' ', false, json::error_handler_t::replace));
  // Not durable: what it forgets is sent again.
  file.commit(false);
}

uint64_t number_at(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_unsigned()
             ? found->get<uint64_t>()
             : 0;
}

}  // namespace

MlflowProgress read_progress(const std::filesystem::path& folder,
                             const std::string& server) {
  const json all = read_all(folder);
  const json& servers = all["servers"];
  const auto found = servers.find(server);
  if (found == servers.end() || !found->is_object()) return {};
  return {.experiment_id = text_at(*found, "experiment_id"),
          .run_id = text_at(*found, "run_id"),
          .artifact_uri = text_at(*found, "artifact_uri"),
          .sent = number_at(*found, "sent"),
          .offered = number_at(*found, "offered"),
          .artifacts = number_at(*found, "artifacts")};
}

void write_progress(const std::filesystem::path& folder,
                    const std::string& server, const MlflowProgress& progress) {
  json all = read_all(folder);
  all["servers"][server] = json{{"experiment_id", progress.experiment_id},
                                {"run_id", progress.run_id},
                                {"artifact_uri", progress.artifact_uri},
                                {"sent", progress.sent},
                                {"offered", progress.offered},
                                {"artifacts", progress.artifacts}};
  write_all(folder, all);
}

void limit_progress(const std::filesystem::path& folder, uint64_t size) try {
  json all = read_all(folder);
  bool changed = false;
  for (json& server : all["servers"]) {
    if (!server.is_object()) continue;
    for (const char* key : {"sent", "offered", "artifacts"}) {
      if (number_at(server, key) <= size) continue;
      server[key] = size;
      changed = true;
    }
  }
  if (changed) write_all(folder, all);
} catch (const Error&) {
}

uint64_t furthest_offered(const std::filesystem::path& folder) {
  uint64_t furthest = 0;
  const json all = read_all(folder);
  for (const json& server : all["servers"]) {
    if (!server.is_object()) continue;
    furthest = std::max(
        {furthest, number_at(server, "offered"), number_at(server, "sent")});
  }
  return furthest;
}

}  // namespace bolt::detail
