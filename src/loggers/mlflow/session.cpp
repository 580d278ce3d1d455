#include "loggers/mlflow/session.h"

#include <torchbolt/core/error.h>
#include <torchbolt/core/log.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <utility>

#include "core/blocked_signals.h"
#include "core/environment.h"

namespace bolt::detail {
namespace {

using std::chrono::milliseconds;

// Metrics trickle: what comes within this time goes out together.
constexpr milliseconds kGather{500};
constexpr long kLongestTimeout = 86'400;  // seconds

milliseconds request_timeout() {
  const std::string seconds = environment("MLFLOW_HTTP_REQUEST_TIMEOUT");
  const long given = std::strtol(seconds.c_str(), nullptr, 10);
  return std::chrono::seconds(given > 0 ? std::min(given, kLongestTimeout)
                                        : 30);
}

// As a shell takes it for one word.
std::string shell_word(const std::string& text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:+@%,";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string::npos) {
    return text;
  }
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

}  // namespace

Url mlflow_server(const std::string& tracking_uri) {
  const auto scheme = tracking_uri.substr(0, tracking_uri.find(':'));
  // An @ behind the host is a password's end, cut off at its "/", "?" or "#".
  const std::size_t host = tracking_uri.find_first_of("/?#", scheme.size() + 3);
  const bool is_torn = scheme.starts_with("http") &&
                       host != std::string::npos &&
                       tracking_uri.find('@', host) != std::string::npos;
  if (auto url = parse_url(tracking_uri); url && !is_torn) {
    return *std::move(url);
  }
  std::string tip = "give the address of a server: http://127.0.0.1:5000";
  if (is_torn) {
    tip =
        "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD instead, or "
        "write the password's / ? # and @ as %2F %3F %23 and %40";
  } else if (scheme == "sqlite" || scheme == "postgresql" ||
             scheme == "mysql") {
    tip =
        "start a server on that database, mlflow server "
        "--backend-store-uri URI, and give its address";
  } else if (scheme == "databricks" || scheme == "uc") {
    tip = "Databricks isn't supported; give the address of an MLflow server";
  } else if (scheme == "file" ||
             tracking_uri.find("://") == std::string::npos) {
    tip =
        "MLflow no longer reads such folders; without a tracking URI the run "
        "is kept in a journal, for torchbolt mlflow sync";
  }
  throw ConfigError({.where = "MLflowLogger",
                     .what = "the tracking URI is no address of a server",
                     .got = "\"" + shown_address(tracking_uri) + "\"",
                     .expected = "http:// or https://",
                     .tip = tip});
}

std::string mlflow_sync_command(const std::filesystem::path& folder) {
  std::error_code error;
  const std::filesystem::path path = std::filesystem::absolute(folder, error);
  return "torchbolt mlflow sync " +
         shell_word((error ? folder : path).lexically_normal().string());
}

MlflowSession::MlflowSession(Journal& journal,
                             const std::filesystem::path& folder,
                             std::optional<Url> server)
    : process_(::getpid()) {
  if (!server) return;
  http_ = std::make_unique<CurlHttp>(mlflow_curl_options(*server));
  sender_ = std::make_unique<MlflowSender>(journal, folder, *http_, *server,
                                           request_timeout());
}

void MlflowSession::start() {
  if (sender_ == nullptr || thread_.joinable()) return;
  const BlockedSignals blocked;
  thread_ = std::thread([this] { run(); });
}

MlflowSession::~MlflowSession() {
  if (!thread_.joinable()) return;
  if (::getpid() != process_) {
    // Forked off: neither the thread nor the connection is this process's.
    thread_.detach();
    sender_.release();
    http_.release();
    return;
  }
  http_->cancel();
  {
    const std::scoped_lock lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void MlflowSession::wake() {
  {
    const std::scoped_lock lock(mutex_);
    woken_ = true;
    idle_ = false;
    start();
  }
  changed_.notify_all();
}

bool MlflowSession::drain(milliseconds most) {
  if (sender_ == nullptr) return false;
  std::unique_lock lock(mutex_);
  draining_ = true;
  woken_ = true;
  idle_ = false;
  start();
  changed_.notify_all();
  changed_.wait_for(lock, most, [this] { return idle_ || stopped_; });
  draining_ = false;
  return idle_;
}

bool MlflowSession::has_stopped() const {
  const std::scoped_lock lock(mutex_);
  return stopped_;
}

void MlflowSession::run() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    woken_ = false;
    const bool hurries = draining_;
    lock.unlock();
    MlflowSender::Turn turn{MlflowSender::Next::kStopped};
    try {
      sender_->hurry(hurries);
      turn = sender_->turn();
    } catch (const std::exception& error) {
      // The journal can't be read: it stays, for a later try.
      log_warning(std::string("[MLflow] nothing more is sent: ") +
                  error.what());
    }
    lock.lock();
    if (turn.next == MlflowSender::Next::kIdle && !woken_) {
      idle_ = true;
      changed_.notify_all();
      changed_.wait(lock, [this] { return woken_ || ending_; });
      changed_.wait_for(lock, kGather, [this] { return draining_ || ending_; });
    } else if (turn.next == MlflowSender::Next::kWait) {
      changed_.wait_for(lock, turn.wait, [this, hurries] {
        return ending_ || (draining_ && !hurries);
      });
    } else if (turn.next == MlflowSender::Next::kStopped) {
      stopped_ = true;
      changed_.notify_all();
      changed_.wait(lock, [this] { return ending_; });
    }
  }
}

}  // namespace bolt::detail
