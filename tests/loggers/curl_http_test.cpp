#include "loggers/http/curl_http.h"

#include <gtest/gtest.h>
#include <torchbolt/core/files.h>

#include <sstream>
#include <string>

#include "loggers/http/url.h"
#include "support/canned_server.h"
#include "support/temp_dir.h"
#include "support/write_file.h"

namespace bolt::detail {
namespace {

using namespace std::chrono_literals;
using testing::CannedServer;
using testing::TempDir;

constexpr const char* kCanary = "c4n4ry";

std::string reply(const std::string& status, const std::string& body,
                  const std::string& headers = {}) {
  return "HTTP/1.1 " + status +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         headers + "\r\n" + body;
}

TEST(CurlHttp, SendsAndReceives) {
  CannedServer server({reply("200 OK", "{\"a\":1}")});
  CurlHttp http;
  const HttpReply got =
      http.send({.method = "POST", .url = server.url() + "/x", .body = "{}"});
  EXPECT_TRUE(got.ok());
  EXPECT_EQ(got.body, "{\"a\":1}");
  const std::string request = server.request(0);
  EXPECT_TRUE(request.starts_with("POST /x HTTP/1.1\r\n")) << request;
  EXPECT_NE(request.find("Content-Type: application/json"), std::string::npos);
  EXPECT_TRUE(request.ends_with("\r\n\r\n{}"));
}

TEST(CurlHttp, SendsAFile) {
  const TempDir dir;
  testing::write_file(dir.path() / "f", "bytes");
  CannedServer server({reply("200 OK", "")});
  CurlHttp http;
  const HttpReply got = http.send(
      {.method = "PUT", .url = server.url() + "/f", .file = dir.path() / "f"});
  EXPECT_EQ(got.status, 200);
  EXPECT_TRUE(server.request(0).ends_with("\r\n\r\nbytes"));
  const HttpReply none = http.send(
      {.method = "PUT", .url = server.url(), .file = dir.path() / "none"});
  EXPECT_FALSE(none.ok());
  EXPECT_FALSE(none.is_transient());
}

TEST(CurlHttp, TellsWhatTheServerWants) {
  CannedServer server(
      {reply("429 Too Many Requests", "", "Retry-After: 3\r\n"),
       reply("503 Unavailable", ""),
       reply("503 Unavailable", "", "Retry-After: 9223372036854775807\r\n")});
  CurlHttp http;
  const HttpReply first = http.send({.url = server.url()});
  EXPECT_EQ(first.status, 429);
  EXPECT_TRUE(first.is_transient());
  EXPECT_EQ(first.retry_after, 3s);
  EXPECT_EQ(http.send({.url = server.url()}).retry_after, std::nullopt);
  // As long as a clock can count.
  const auto last = http.send({.url = server.url()}).retry_after;
  EXPECT_LE(last.value_or(0s), 24h);
}

// Half an answer is none.
TEST(CurlHttp, AWholeReplyOrNone) {
  CannedServer server({"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"a",
                       "HTTP/1.1 20", ""});
  CurlHttp http;
  for (int k = 0; k < 3; ++k) {
    const HttpReply got = http.send({.url = server.url()});
    EXPECT_EQ(got.status, 0) << k;
    EXPECT_EQ(got.body, "");
    EXPECT_NE(got.error, "");
  }
}

TEST(CurlHttp, BoundsWhatItReads) {
  CannedServer server({reply("200 OK", std::string(5000, 'x'))});
  CurlHttp http({.most_bytes = 1000});
  EXPECT_EQ(http.send({.url = server.url()}).error, "the answer is too long");
}

// A server that takes the request and says nothing.
TEST(CurlHttp, GivesUpInTime) {
  CannedServer server({CannedServer::kSilence});
  CurlHttp http;
  const HttpReply got = http.send({.url = server.url(), .timeout = 50ms});
  EXPECT_EQ(got.status, 0);
  EXPECT_TRUE(got.is_transient());
}

TEST(CurlHttp, IsCancelled) {
  CannedServer server({CannedServer::kSilence});
  CurlHttp http;
  http.cancel();
  EXPECT_EQ(http.send({.url = server.url()}).error, "cancelled");
}

TEST(CurlHttp, ShowsItsSecretsToTheServerAlone) {
  CannedServer server(
      {reply("200 OK", ""), reply("200 OK", ""), reply("200 OK", "")});
  CurlHttp token({.token = Secret(kCanary)});
  EXPECT_TRUE(token.send({.url = server.url()}).ok());
  EXPECT_NE(server.request(0).find("Authorization: Bearer c4n4ry\r\n"),
            std::string::npos);
  EXPECT_TRUE(token.send({.url = server.url(), .authorized = false}).ok());
  EXPECT_EQ(server.request(1).find("Authorization"), std::string::npos);
  // Both: as MLflow's client.
  CurlHttp both({.token = Secret("t"), .user = "u", .password = Secret("p")});
  EXPECT_TRUE(both.send({.url = server.url()}).ok());
  EXPECT_NE(server.request(2).find("Authorization: Basic dTpw\r\n"),
            std::string::npos);
}

TEST(CurlHttp, FollowsNobody) {
  CannedServer server({reply(
      "302 Found", "", "Location: http://user:c4n4ry@127.0.0.1:1/login\r\n")});
  CurlHttp http({.token = Secret(kCanary)});
  const HttpReply got = http.send({.url = server.url()});
  EXPECT_EQ(got.status, 302);
  EXPECT_EQ(got.location, "http://127.0.0.1:1/login");
}

TEST(CurlHttp, SpeaksHttpAlone) {
  CurlHttp http;
  EXPECT_EQ(http.send({.url = "file:///etc/passwd"}).status, 0);
}

TEST(Secret, IsNotPrinted) {
  std::ostringstream out;
  out << Secret(kCanary) << "|" << Secret();
  EXPECT_EQ(out.str(), "***|");
}

TEST(Url, IsTakenApart) {
  const auto url = parse_url("HTTPS://me:p%40ss@Host:8080/a/b/?q#f");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->text(), "https://Host:8080/a/b");
  EXPECT_EQ(url->user, "me");
  EXPECT_EQ(url->password.expose(), "p@ss");
  EXPECT_EQ(url->origin(), "https://host:8080");
  EXPECT_EQ(parse_url("http://a")->origin(), "http://a:80");
  EXPECT_EQ(parse_url("http://[::1]/x")->origin(), "http://[::1]:80");
  EXPECT_EQ(parse_url("http://[::1]:5/x")->origin(), "http://[::1]:5");
  for (const char* none :
       {"", "a", "file:///a", "http://", "http://u@/x", "http://:80",
        "http://u:p/w@h", "http://h:80x", "http://[::1", "http://a b"}) {
    EXPECT_FALSE(parse_url(none)) << none;
  }
}

TEST(Url, IsShownWithoutSecrets) {
  EXPECT_EQ(without_userinfo("http://u:p@h/x@y"), "http://h/x@y");
  EXPECT_EQ(without_userinfo("sqlite:///a@b"), "sqlite:///a@b");
  EXPECT_EQ(without_userinfo("postgresql://u:p@w@h/d"), "postgresql://h/d");
  EXPECT_EQ(shown_address("http://u:p/w@h/x"), "http://***@h/x");
  EXPECT_EQ(shown_address("u:p@h"), "***@h");
  EXPECT_EQ(shown_address("http://u:p/x"), "http://u:***/x");
  EXPECT_EQ(shown_address("http://h:80/x"), "http://h:80/x");
  EXPECT_EQ(shown_address("sqlite:///a:b"), "sqlite:///a:b");
  EXPECT_EQ(percent_encoded("a b/ü%", "/"), "a%20b/%C3%BC%25");
}

}  // namespace
}  // namespace bolt::detail
