#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "loggers/http/curl_http.h"
#include "loggers/http/url.h"
#include "loggers/mlflow/journal.h"
#include "loggers/mlflow/sender.h"

namespace bolt::detail {

/// The journal in a run's folder.
inline std::filesystem::path mlflow_journal(
    const std::filesystem::path& folder) {
  return folder / "mlflow.jsonl";
}

/// An address as a server. Throws ConfigError for one that is none, saying what
/// to do instead.
Url mlflow_server(const std::string& tracking_uri);

/// The command that sends what a folder's journal still holds.
std::string mlflow_sync_command(const std::filesystem::path& folder);

/// A journal's sender on a thread of its own, which begins with the first
/// `wake` or `drain`. The network is waited for there alone.
class MlflowSession {
 public:
  /// `server` none: nothing is sent.
  MlflowSession(Journal& journal, const std::filesystem::path& folder,
                std::optional<Url> server);
  /// Ends the request that is on its way.
  ~MlflowSession();
  MlflowSession(const MlflowSession&) = delete;
  MlflowSession& operator=(const MlflowSession&) = delete;

  /// There is more in the journal.
  void wake();
  /// Waits until the server has all that is in the journal; false when it
  /// hasn't after `most`, or never will.
  bool drain(std::chrono::milliseconds most);
  /// Nothing more is sent, however long one waits.
  bool has_stopped() const;
  /// None without a server.
  const MlflowSender* sender() const { return sender_.get(); }

 private:
  void start();
  void run();

  int process_;
  std::unique_ptr<CurlHttp> http_{};
  std::unique_ptr<MlflowSender> sender_{};
  mutable std::mutex mutex_{};
  std::condition_variable changed_{};
  bool woken_ = false;
  bool draining_ = false;
  bool ending_ = false;
  bool stopped_ = false;
  bool idle_ = false;
  std::thread thread_{};
};

}  // namespace bolt::detail
