#include <torchbolt/core/error.h>
#include <torchbolt/loggers/mlflow_sync.h>

#include <thread>
#include <utility>

#include "core/environment.h"
#include "loggers/http/curl_http.h"
#include "loggers/mlflow/journal.h"
#include "loggers/mlflow/progress.h"
#include "loggers/mlflow/records.h"
#include "loggers/mlflow/sender.h"
#include "loggers/mlflow/session.h"

namespace bolt {
namespace {

namespace fs = std::filesystem;
using namespace detail;

struct Contents {
  std::optional<MlflowRun> run{};
  std::optional<MlflowStatus> last_status{};
};

Contents read_contents(const Journal& journal) {
  Contents contents;
  bool first = true;
  for (uint64_t at = 0; at < journal.size();) {
    const std::string bytes = journal.read(at, 2 * kMostJournalLine);
    std::string_view rest = bytes;
    while (const auto line = take_line(rest)) {
      if (std::exchange(first, false)) contents.run = read_run(*line);
      if (auto status = read_status(*line)) contents.last_status = status;
    }
    if (rest.size() == bytes.size()) break;
    at += bytes.size() - rest.size();
  }
  return contents;
}

Url find_server(const MLflowSyncOptions& options, const MlflowRun& run) {
  const std::string uri = environment("MLFLOW_TRACKING_URI");
  if (options.tracking_uri) {
    Url url = mlflow_server(*options.tracking_uri);
    if (url.user.empty() && url.password.empty()) return url;
    // It comes from a command line, which everybody sees.
    throw ConfigError(
        {.where = "sync_mlflow",
         .what = "the tracking URI holds a name or a password",
         .tip = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"});
  }
  if (!run.server.empty()) {
    // Name and password may stand there, which the journal doesn't keep.
    const auto url = parse_url(uri);
    return url && url->text() == run.server ? *url : mlflow_server(run.server);
  }
  if (!uri.empty()) return mlflow_server(uri);
  throw ConfigError({.where = "sync_mlflow",
                     .what = "it isn't known to which server the run goes",
                     .tip = "give --tracking-uri, or set MLFLOW_TRACKING_URI"});
}

// When something was last written.
int64_t written_ms(const fs::path& path) {
  std::error_code error;
  const auto time = fs::last_write_time(path, error);
  const auto system = std::chrono::file_clock::to_sys(time);
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             system.time_since_epoch())
      .count();
}

}  // namespace

MLflowSyncResult sync_mlflow(const fs::path& folder,
                             const MLflowSyncOptions& options) {
  const fs::path path = mlflow_journal(folder);
  std::error_code error;
  if (!fs::exists(path, error)) {
    throw Error({.where = folder.string(),
                 .what = "there is no journal of MLflowLogger here",
                 .expected = path.filename().string()});
  }
  const int64_t written = written_ms(path);
  Journal journal(path);
  limit_progress(folder, journal.size());
  const Contents contents = read_contents(journal);
  if (!contents.run) {
    throw Error({.where = path.string(),
                 .what = "the journal holds no run",
                 .tip = "it was damaged (then mlflow.jsonl.damaged has the "
                        "rest), comes from a newer version, or nothing had "
                        "been logged when the run ended"});
  }
  const Url server = find_server(options, *contents.run);
  if (!contents.last_status || contents.last_status->status == "RUNNING") {
    // Nobody holds the journal, and nobody has ended the run.
    MlflowRecords(journal, "", [](const std::string&) {
    }).status({"KILLED", written});
  }

  CurlHttp http(mlflow_curl_options(server));
  MlflowSender sender(journal, folder, http, server);
  const Clock& clock = system_clock();
  Clock::TimePoint last_success = clock.now();
  sender.hurry(true);
  MlflowSender::Turn turn{MlflowSender::Next::kGoOn};
  while (turn.next == MlflowSender::Next::kGoOn ||
         turn.next == MlflowSender::Next::kWait) {
    turn = sender.turn();
    if (turn.next != MlflowSender::Next::kWait) {
      if (sender.problem().empty()) last_success = clock.now();
    } else if (clock.now() + turn.wait - last_success > options.timeout) {
      break;
    } else {
      std::this_thread::sleep_for(turn.wait);
    }
  }
  journal.flush();
  const MlflowSent sent = sender.sent();
  const bool complete = turn.next == MlflowSender::Next::kIdle;
  return {.complete = complete,
          .problem = complete ? "" : sender.problem(),
          .server = server.text(),
          .run_id = sender.place().run_id,
          .url = sender.place().url,
          .metrics = sent.metrics,
          .params = sent.params,
          .artifacts = sent.artifacts,
          .rejected = sent.rejected};
}

}  // namespace bolt
