#include "loggers/http/curl_http.h"

#include <curl/curl.h>
#include <torchbolt/core/error.h>
#include <torchbolt/version.h>

#include <algorithm>
#include <cstdio>
#include <system_error>

#include "loggers/http/url.h"

namespace bolt::detail {
namespace {

constexpr curl_off_t kLongestRetryAfter = 86'400;  // seconds

// Once, before any thread of ours uses it.
void start_curl() {
  static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (code != CURLE_OK) {
    throw Error({.where = "libcurl",
                 .what = "can't begin",
                 .got = curl_easy_strerror(code)});
  }
}

struct HeaderList {
  ~HeaderList() { curl_slist_free_all(list); }
  void add(const std::string& line) {
    list = curl_slist_append(list, line.c_str());
  }
  curl_slist* list = nullptr;
};

struct File {
  ~File() {
    if (file != nullptr) std::fclose(file);
  }
  std::FILE* file = nullptr;
};

struct Received {
  HttpReply* reply;
  std::size_t most;
  bool too_long = false;
};

std::size_t on_body(char* data, std::size_t size, std::size_t count,
                    void* user) {
  auto& received = *static_cast<Received*>(user);
  if (received.reply->body.size() + size * count > received.most) {
    received.too_long = true;
    return 0;
  }
  received.reply->body.append(data, size * count);
  return size * count;
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<std::atomic<bool>*>(user)->load() ? 1 : 0;
}

}  // namespace

bool HttpReply::is_transient() const {
  switch (status) {
    case 0:
    case 408:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
      return true;
    default:
      return false;
  }
}

struct CurlHttp::Handle {
  Handle() {
    start_curl();
    easy = curl_easy_init();
    if (easy == nullptr)
      throw Error({.where = "libcurl", .what = "can't begin"});
  }
  ~Handle() { curl_easy_cleanup(easy); }

  void set(CURLoption option, const char* value) {
    curl_easy_setopt(easy, option, value);
  }
  void set(CURLoption option, long value) {
    curl_easy_setopt(easy, option, value);
  }

  CURL* easy = nullptr;
  char error[CURL_ERROR_SIZE] = "";
};

CurlHttp::CurlHttp(CurlOptions options)
    : options_(std::move(options)), handle_(std::make_unique<Handle>()) {}

CurlHttp::~CurlHttp() = default;

HttpReply CurlHttp::send(const HttpRequest& request) {
  HttpReply reply;
  Handle& handle = *handle_;
  CURL* easy = handle.easy;
  // Open connections outlive it.
  curl_easy_reset(easy);
  handle.error[0] = '\0';
  handle.set(CURLOPT_URL, request.url.c_str());
  handle.set(CURLOPT_PROTOCOLS_STR, "http,https");
  handle.set(CURLOPT_USERAGENT, "torchbolt/" TORCHBOLT_VERSION);
  // Signals belong to the program; without this, a slow name server raises one.
  handle.set(CURLOPT_NOSIGNAL, 1L);
  handle.set(CURLOPT_FOLLOWLOCATION, 0L);
  handle.set(CURLOPT_TCP_KEEPALIVE, 1L);
  handle.set(CURLOPT_CONNECTTIMEOUT_MS,
             static_cast<long>(options_.connect_timeout.count()));
  // Only on a connection of before does curl send a request again.
  handle.set(CURLOPT_FRESH_CONNECT, request.once ? 1L : 0L);
  if (request.timeout) {
    handle.set(CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout->count()));
  }
  if (request.stall_timeout) {
    handle.set(CURLOPT_LOW_SPEED_LIMIT, 1000L);
    handle.set(CURLOPT_LOW_SPEED_TIME,
               static_cast<long>(request.stall_timeout->count()));
  }
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, handle.error);
  handle.set(CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, &on_progress);
  curl_easy_setopt(easy, CURLOPT_XFERINFODATA, &cancelled_);
  Received received{&reply, options_.most_bytes};
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &received);

  if (options_.insecure_tls) {
    handle.set(CURLOPT_SSL_VERIFYPEER, 0L);
    handle.set(CURLOPT_SSL_VERIFYHOST, 0L);
  } else if (!options_.server_certificate.empty()) {
    handle.set(CURLOPT_CAINFO, options_.server_certificate.c_str());
  }
  if (!options_.client_certificate.empty()) {
    handle.set(CURLOPT_SSLCERT, options_.client_certificate.c_str());
  }
  if (request.authorized && !options_.user.empty()) {
    curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    handle.set(CURLOPT_USERNAME, options_.user.c_str());
    handle.set(CURLOPT_PASSWORD, options_.password.expose().c_str());
  } else if (request.authorized && !options_.token.empty()) {
    curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
    handle.set(CURLOPT_XOAUTH2_BEARER, options_.token.expose().c_str());
  }

  HeaderList headers;
  // A server that doesn't know it would be waited for.
  headers.add("Expect:");
  File file;
  if (!request.file.empty()) {
    file.file = std::fopen(request.file.c_str(), "rb");
    std::error_code error;
    const auto size = std::filesystem::file_size(request.file, error);
    if (file.file == nullptr || error) {
      reply.status = -1;
      reply.error = "can't read " + request.file.string();
      return reply;
    }
    headers.add("Content-Type: application/octet-stream");
    handle.set(CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_READDATA, file.file);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE,
                     static_cast<curl_off_t>(size));
  } else if (request.method != "GET") {
    headers.add("Content-Type: " + request.content_type);
    handle.set(CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
    handle.set(CURLOPT_POSTFIELDS, request.body.c_str());
  }
  handle.set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.list);

  const CURLcode code = curl_easy_perform(easy);
  if (code != CURLE_OK) {
    reply.error = received.too_long         ? "the answer is too long"
                  : cancelled_              ? "cancelled"
                  : handle.error[0] != '\0' ? handle.error
                                            : curl_easy_strerror(code);
    reply.body.clear();
    return reply;
  }
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  reply.status = static_cast<int>(status);
  curl_off_t seconds = 0;
  if (curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds) == CURLE_OK &&
      seconds > 0) {
    reply.retry_after =
        std::chrono::seconds(std::min(seconds, kLongestRetryAfter));
  }
  char* location = nullptr;
  if (curl_easy_getinfo(easy, CURLINFO_REDIRECT_URL, &location) == CURLE_OK &&
      location != nullptr) {
    reply.location = without_userinfo(location);
  }
  return reply;
}

}  // namespace bolt::detail
