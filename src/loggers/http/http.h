#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

namespace bolt::detail {

/// What is asked of a server.
struct HttpRequest {
  std::string method = "GET";
  std::string url{};
  std::string body{};
  /// The body's content, when it isn't empty.
  std::string content_type = "application/json";
  /// A file that is the body, instead.
  std::filesystem::path file{};
  /// For the whole exchange; none: no limit.
  std::optional<std::chrono::milliseconds> timeout = std::chrono::seconds(30);
  /// How long next to nothing may pass (1 kB/s); none: no limit.
  std::optional<std::chrono::seconds> stall_timeout{};
  /// Whether name, password and token go along.
  bool authorized = true;
  /// Not to be done twice: never sent a second time by itself, as requests are
  /// when a connection of before turns out to be closed.
  bool once = false;
};

/// What came back.
struct HttpReply {
  /// 0: no whole answer came, and `error` says why.
  int status = 0;
  std::string body{};
  std::string error{};
  /// When the server wants to be asked again.
  std::optional<std::chrono::seconds> retry_after{};
  /// Where a redirection leads, without name and password.
  std::string location{};

  bool ok() const { return status >= 200 && status < 300; }
  /// Asked again it may go well: no answer, 408, 429, 500, 502, 503, 504.
  bool is_transient() const;
};

/// Sends requests, one at a time. A seam: tests answer themselves.
class Http {
 public:
  virtual ~Http() = default;
  /// Never throws for what servers and networks do.
  [[nodiscard]] virtual HttpReply send(const HttpRequest& request) = 0;
};

}  // namespace bolt::detail
