#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>

#include "loggers/http/http.h"
#include "loggers/http/secret.h"

namespace bolt::detail {

/// How a server is trusted, and what it is told about us.
struct CurlOptions {
  /// Sent with authorized requests: a token, or else name and password.
  Secret token{};
  std::string user{};
  Secret password{};
  /// Certificates of those who vouch for the server; empty: the system's.
  std::filesystem::path server_certificate{};
  /// Our own; empty: none.
  std::filesystem::path client_certificate{};
  /// Talks to whoever answers.
  bool insecure_tls = false;
  std::chrono::milliseconds connect_timeout = std::chrono::seconds(5);
  /// A reply that is longer is an error: ours are short.
  std::size_t most_bytes = 16 << 20;
};

/// Http over libcurl. A connection stays open from one request to the next.
/// Redirections are not followed, so that no secret goes anywhere else, and
/// curl's own messages, which hold headers, are never asked for. Not
/// thread-safe, but for `cancel`.
class CurlHttp final : public Http {
 public:
  explicit CurlHttp(CurlOptions options = {});
  ~CurlHttp() override;

  HttpReply send(const HttpRequest& request) override;
  /// Ends the request of now, and all later ones.
  void cancel() { cancelled_ = true; }

 private:
  struct Handle;

  CurlOptions options_;
  std::unique_ptr<Handle> handle_;
  std::atomic<bool> cancelled_{false};
};

}  // namespace bolt::detail
