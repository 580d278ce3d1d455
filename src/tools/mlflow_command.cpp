#include <torchbolt/core/error.h>
#include <torchbolt/loggers/mlflow_sync.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "tools/commands.h"

namespace bolt::tools {
namespace {

namespace fs = std::filesystem;

struct SyncArguments {
  std::vector<fs::path> folders{};
  std::string tracking_uri{};
  int64_t timeout_s = 60;
};

constexpr const char* kJournal = "mlflow.jsonl";
constexpr int64_t kLongestTimeout = 30 * 24 * 3600;  // seconds

// A run's folder, or one with several below it.
std::vector<fs::path> runs_in(const fs::path& folder) {
  std::error_code error;
  if (fs::exists(folder / kJournal, error)) return {folder};
  std::vector<fs::path> runs;
  auto entry = fs::recursive_directory_iterator(
      folder, fs::directory_options::skip_permission_denied, error);
  for (; !error && entry != fs::end(entry); entry.increment(error)) {
    if (entry->path().filename() == kJournal) {
      runs.push_back(entry->path().parent_path());
    }
  }
  if (runs.empty()) {
    throw Error({.where = folder.string(),
                 .what = "there is no run of MLflowLogger here",
                 .got = error ? error.message() : "",
                 .expected = std::string("a folder with ") + kJournal});
  }
  std::ranges::sort(runs);
  return runs;
}

bool sync(const fs::path& folder, const MLflowSyncOptions& options) {
  const MLflowSyncResult result = sync_mlflow(folder, options);
  std::printf("%s: %lld metrics, %lld params, %lld artifacts sent to %s\n",
              folder.c_str(), static_cast<long long>(result.metrics),
              static_cast<long long>(result.params),
              static_cast<long long>(result.artifacts), result.server.c_str());
  if (!result.url.empty()) std::printf("  %s\n", result.url.c_str());
  if (result.rejected > 0) {
    std::printf("  %lld entries were refused: see %s\n",
                static_cast<long long>(result.rejected),
                (folder / "mlflow_rejected.jsonl").c_str());
  }
  if (!result.complete) {
    std::fprintf(stderr, "torchbolt: %s: not all is sent: %s\n", folder.c_str(),
                 result.problem.c_str());
  }
  return result.complete;
}

// One that fails doesn't keep the others back.
template <class Call>
bool attempt(const Call& call) {
  try {
    return call();
  } catch (const Error& error) {
    std::fprintf(stderr, "torchbolt: %s\n", error.what());
    return false;
  }
}

bool sync_all(const fs::path& folder, const MLflowSyncOptions& options) {
  bool complete = true;
  for (const fs::path& run : runs_in(folder)) {
    complete = attempt([&] { return sync(run, options); }) && complete;
  }
  return complete;
}

void add_sync(CLI::App& mlflow) {
  auto arguments = std::make_shared<SyncArguments>();
  auto* command = mlflow.add_subcommand(
      "sync",
      "Sends to a server what runs of MLflowLogger have logged and it hasn't "
      "got. Who sends is said by MLFLOW_TRACKING_TOKEN, or "
      "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD");
  command
      ->add_option("FOLDER", arguments->folders,
                   "A run's folder, or one with several below it")
      ->required();
  command->add_option("--tracking-uri", arguments->tracking_uri,
                      "The server. Default: the run's, then "
                      "MLFLOW_TRACKING_URI");
  command
      ->add_option("--timeout", arguments->timeout_s,
                   "Seconds for which a server that doesn't answer is "
                   "asked again")
      ->check(CLI::Range(int64_t{0}, kLongestTimeout))
      ->capture_default_str();
  command->callback([arguments] {
    MLflowSyncOptions options{.timeout =
                                  std::chrono::seconds(arguments->timeout_s)};
    if (!arguments->tracking_uri.empty()) {
      options.tracking_uri = arguments->tracking_uri;
    }
    bool complete = true;
    for (const fs::path& folder : arguments->folders) {
      complete = attempt([&] { return sync_all(folder, options); }) && complete;
    }
    if (!complete) throw CLI::RuntimeError(1);
  });
}

}  // namespace

void add_mlflow_command(CLI::App& app) {
  auto* mlflow = app.add_subcommand(
      "mlflow", "Brings runs of MLflowLogger to an MLflow server");
  mlflow->require_subcommand(1);
  add_sync(*mlflow);
}

}  // namespace bolt::tools
