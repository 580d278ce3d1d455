#include <gtest/gtest.h>
#include <torchbolt/core/files.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "loggers/mlflow/records.h"
#include "loggers/mlflow/sender.h"
#include "support/fake_clock.h"
#include "support/log_capture.h"
#include "support/temp_dir.h"
#include "support/write_file.h"

namespace bolt::detail {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::FakeClock;
using testing::LogCapture;
using testing::TempDir;

// As much of an MLflow server as a logger sees.
class FakeServer final : public Http {
 public:
  HttpReply send(const HttpRequest& request) override {
    requests.push_back(request);
    if (!faults.empty() && request.url.find(fault_at) != std::string::npos) {
      HttpReply fault = faults.front();
      faults.pop_front();
      if (done_all_the_same) answer(request);
      return fault;
    }
    return answer(request);
  }

  int count(const std::string& path) const {
    int n = 0;
    for (const auto& request : requests) {
      n += request.url.find(path) != std::string::npos ? 1 : 0;
    }
    return n;
  }

  std::vector<HttpRequest> requests{};
  std::deque<HttpReply> faults{};
  std::string fault_at{};
  bool done_all_the_same = false;
  std::string artifact_uri = "mlflow-artifacts:/1/r/artifacts";
  std::string refused_key{};
  std::size_t most_bytes = 1'000'000;

  bool has_experiment = false;
  int runs = 0;
  bool deleted = false;
  std::string status{};
  std::vector<json> metrics{};
  std::map<std::string, std::string> params{};
  std::map<std::string, std::string> tags{};
  std::map<std::string, std::string> artifacts{};

 private:
  static HttpReply error(int code, const char* name, const std::string& text) {
    return {.status = code,
            .body = json{{"error_code", name}, {"message", text}}.dump()};
  }
  static HttpReply good(const json& body) {
    return {.status = 200, .body = body.dump()};
  }
  json run() const {
    return {{"info",
             {{"run_id", "r"},
              {"experiment_id", "1"},
              {"artifact_uri", artifact_uri},
              {"lifecycle_stage", deleted ? "deleted" : "active"}}}};
  }

  HttpReply answer(const HttpRequest& request) {
    const auto is = [&](const char* path) {
      return request.url.find(path) != std::string::npos;
    };
    const json body = json::parse(request.body, nullptr, false);
    if (is("experiments/get-by-name")) {
      if (!has_experiment) return error(404, "RESOURCE_DOES_NOT_EXIST", "none");
      return good({{"experiment",
                    {{"experiment_id", "1"}, {"lifecycle_stage", "active"}}}});
    }
    if (is("experiments/create")) {
      const bool there = std::exchange(has_experiment, true);
      if (there) return error(400, "RESOURCE_ALREADY_EXISTS", "exists");
      return good({{"experiment_id", "1"}});
    }
    if (is("runs/create")) {
      ++runs;
      for (const json& tag : body["tags"]) tags[tag["key"]] = tag["value"];
      return good({{"run", run()}});
    }
    if (is("runs/search")) {
      return good(runs > 0 ? json{{"runs", {run()}}} : json::object());
    }
    if (is("runs/get")) {
      if (runs == 0) return error(404, "RESOURCE_DOES_NOT_EXIST", "no run");
      return good({{"run", run()}});
    }
    if (is("runs/update")) {
      status = body["status"];
      return good(json::object());
    }
    if (is("runs/log-batch")) return log_batch(request, body);
    if (is("mlflow-artifacts/artifacts/")) {
      if (request.url.ends_with("/poison")) return {.status = 500};
      artifacts[request.url] = read_file(request.file);
      return good(json::object());
    }
    return {.status = 404, .body = "<html>"};
  }

  HttpReply log_batch(const HttpRequest& request, const json& body) {
    if (request.body.size() > most_bytes) return {.status = 413};
    EXPECT_LE(body["metrics"].size(), 1000u);
    EXPECT_LE(body["params"].size(), 100u);
    EXPECT_LE(body["tags"].size(), 100u);
    EXPECT_LE(request.body.size(), 1'000'000u);
    for (const json& metric : body["metrics"]) {
      if (metric["key"] == refused_key) {
        return error(400, "INVALID_PARAMETER_VALUE", "bad key");
      }
    }
    for (const json& param : body["params"]) {
      const auto known = params.find(param["key"]);
      if (known != params.end() &&
          known->second != param["value"].get<std::string>()) {
        return error(400, "INVALID_PARAMETER_VALUE",
                     "Changing param values is not allowed.");
      }
    }
    for (const json& metric : body["metrics"]) {
      if (std::ranges::find(metrics, metric) == metrics.end()) {
        metrics.push_back(metric);
      }
    }
    for (const json& param : body["params"])
      params[param["key"]] = param["value"];
    for (const json& tag : body["tags"]) tags[tag["key"]] = tag["value"];
    return good(json::object());
  }
};

class MlflowSenderTest : public ::testing::Test {
 protected:
  MlflowSenderTest() {
    records.run({.key = "key", .experiment = "e", .start_ms = 1});
    begin();
  }

  void begin() {
    sender = std::make_unique<MlflowSender>(journal, dir.path(), server,
                                            *parse_url("http://host:5000/"),
                                            30s, clock);
  }
  void log(const std::string& name, double value, int64_t step = 0) {
    records.metrics({.names = std::make_shared<const std::vector<std::string>>(
                         std::vector<std::string>{name}),
                     .values = {value},
                     .step = step,
                     .wall_time = 1});
  }
  void add_file(const std::string& path, const std::string& content) {
    make_directories(dir.path() / "mlflow_files");
    testing::write_file(dir.path() / "mlflow_files" / content, content);
    records.artifact({.path = path, .file = "mlflow_files/" + content});
  }

  // Until it has to wait, or has nothing left to do.
  MlflowSender::Turn work() {
    MlflowSender::Turn turn{MlflowSender::Next::kGoOn};
    for (int k = 0; k < 1000 && turn.next == MlflowSender::Next::kGoOn; ++k) {
      turn = sender->turn();
    }
    return turn;
  }
  // Until it has nothing left to do, however long it has to wait.
  MlflowSender::Next work_on() {
    for (int k = 0; k < 100; ++k) {
      const auto turn = work();
      if (turn.next != MlflowSender::Next::kWait) return turn.next;
      clock.advance(turn.wait);
    }
    return MlflowSender::Next::kWait;
  }

  TempDir dir{};
  Journal journal{dir.path() / "mlflow.jsonl"};
  MlflowRecords records{journal, "", [](const std::string&) {}};
  FakeServer server{};
  FakeClock clock{};
  std::unique_ptr<MlflowSender> sender{};
};

using Next = MlflowSender::Next;

TEST_F(MlflowSenderTest, SendsARun) {
  records.params({{"lr", "0.1"}});
  records.tags({{"team", "a"}});
  for (int step = 0; step < 2500; ++step) log("loss", step, step);
  add_file("a b/c.png", "content");
  records.status({"FINISHED", 2});
  EXPECT_EQ(work().next, Next::kIdle);
  EXPECT_EQ(server.runs, 1);
  EXPECT_EQ(server.metrics.size(), 2500u);
  EXPECT_EQ(server.count("log-batch"), 3);
  EXPECT_EQ(server.params.at("lr"), "0.1");
  EXPECT_EQ(server.tags.at("team"), "a");
  EXPECT_EQ(server.tags.at("torchbolt.run"), "key");
  EXPECT_EQ(server.artifacts.at("http://host:5000/api/2.0/mlflow-artifacts/"
                                "artifacts/1/r/artifacts/a%20b/c.png"),
            "content");
  EXPECT_EQ(server.status, "FINISHED");
  EXPECT_EQ(sender->place().url, "http://host:5000/#/experiments/1/runs/r");
  // What was uploaded needn't be kept.
  EXPECT_FALSE(std::filesystem::exists(dir.path() / "mlflow_files/content"));
}

TEST_F(MlflowSenderTest, SendsNothingTwice) {
  log("loss", 1);
  add_file("a", "content");
  work();
  const std::size_t before = server.requests.size();
  begin();
  EXPECT_EQ(work().next, Next::kIdle);
  EXPECT_EQ(server.requests.size(), before);
  EXPECT_EQ(sender->place().run_id, "r");
  log("loss", 2, 1);
  work();
  EXPECT_EQ(server.metrics.size(), 2u);
  EXPECT_EQ(server.runs, 1);
}

TEST_F(MlflowSenderTest, WaitsLongerAndLongerForAServerThatIsAway) {
  const LogCapture messages;
  log("loss", 1);
  server.faults.assign(10, {.status = 503});
  std::vector<double> waits;
  for (int k = 0; k < 10; ++k) {
    const auto turn = work();
    ASSERT_EQ(turn.next, Next::kWait);
    waits.push_back(std::chrono::duration<double>(turn.wait).count());
    clock.advance(turn.wait);
  }
  EXPECT_GE(waits[0], 0.75);
  EXPECT_LE(waits[0], 1.25);
  EXPECT_GE(waits[4], 12);
  EXPECT_LE(waits[4], 20);
  EXPECT_LE(waits[9], 75);
  EXPECT_EQ(work().next, Next::kIdle);
  EXPECT_EQ(server.metrics.size(), 1u);
  EXPECT_EQ(messages.count("is sent later"), 1);
  EXPECT_EQ(messages.count("answers again"), 1);
}

TEST_F(MlflowSenderTest, WaitsAsLongAsTheServerSays) {
  log("loss", 1);
  server.fault_at = "log-batch";
  server.faults = {{.status = 429, .retry_after = 7s}};
  const auto turn = work();
  EXPECT_EQ(turn.next, Next::kWait);
  EXPECT_EQ(turn.wait, 7s);
  // Even when somebody waits.
  sender->hurry(true);
  EXPECT_EQ(sender->turn().next, Next::kWait);
  clock.advance(7s);
  EXPECT_EQ(work().next, Next::kIdle);
  EXPECT_EQ(server.metrics.size(), 1u);
}

TEST_F(MlflowSenderTest, HurriesWhenSomebodyWaits) {
  log("loss", 1);
  server.faults.assign(8, {.error = "no connection"});
  for (int k = 0; k < 7; ++k) clock.advance(work().wait);
  sender->hurry(true);
  EXPECT_LE(work().wait, 1250ms);
}

// The server has done it, and its answer is lost.
TEST_F(MlflowSenderTest, SendsAgainWhatMayBeThereAlready) {
  log("loss", 1);
  log("nan", std::nan(""));
  server.done_all_the_same = true;
  server.faults = {{.error = "cut"}};
  server.fault_at = "log-batch";
  EXPECT_EQ(work_on(), Next::kIdle);
  EXPECT_EQ(server.count("log-batch"), 2);
  EXPECT_EQ(server.metrics.size(), 2u);
}

TEST_F(MlflowSenderTest, FindsTheRunWhoseMakingWasLost) {
  log("loss", 1);
  server.done_all_the_same = true;
  server.fault_at = "runs/create";
  server.faults = {{.error = "cut"}};
  EXPECT_EQ(work().next, Next::kWait);
  begin();  // another process
  EXPECT_EQ(work_on(), Next::kIdle);
  EXPECT_EQ(server.runs, 1);
  EXPECT_EQ(server.metrics.size(), 1u);
}

TEST_F(MlflowSenderTest, MakesTheRunAgainThatWasNotMade) {
  log("loss", 1);
  server.fault_at = "runs/create";
  server.faults = {{.error = "no connection"}};
  EXPECT_EQ(work_on(), Next::kIdle);
  EXPECT_EQ(server.runs, 1);
}

TEST_F(MlflowSenderTest, GoesOnInARunThatIsThere) {
  TempDir other;
  Journal own(other.path() / "mlflow.jsonl");
  MlflowRecords(own, "", [](const std::string&) {
  }).run({.key = "k", .run_id = "r"});
  own.append(
      "metrics",
      R"("count":1,"entries":[{"key":"a","value":1,"timestamp":1,"step":1}])");
  server.runs = 1;
  MlflowSender attached(own, other.path(), server, *parse_url("http://host"),
                        30s, clock);
  while (attached.turn().next == Next::kGoOn) {
  }
  EXPECT_EQ(server.runs, 1);
  EXPECT_EQ(server.metrics.size(), 1u);
}

TEST_F(MlflowSenderTest, LeavesOutWhatTheServerRefuses) {
  const LogCapture messages;
  server.refused_key = "bad";
  for (int k = 0; k < 20; ++k) log(k == 13 ? "bad" : "good", k, k);
  records.params({{"p", "1"}});
  EXPECT_EQ(work().next, Next::kIdle);
  EXPECT_EQ(server.metrics.size(), 19u);
  EXPECT_EQ(server.params.at("p"), "1");
  EXPECT_EQ(sender->sent().rejected, 1);
  const json line =
      json::parse(read_file(dir.path() / "mlflow_rejected.jsonl"));
  EXPECT_EQ(line["entry"]["step"], 13);
  EXPECT_EQ(line["message"], "bad key");
  EXPECT_EQ(messages.count("doesn't take"), 1);
}

TEST_F(MlflowSenderTest, SendsLessAtATimeWhenItIsTooMuch) {
  server.most_bytes = 3000;
  for (int step = 0; step < 200; ++step) log("loss", step, step);
  EXPECT_EQ(work().next, Next::kIdle);
  EXPECT_EQ(server.metrics.size(), 200u);
  EXPECT_EQ(sender->sent().rejected, 0);
}

// Params can't change: the new value becomes a tag.
TEST_F(MlflowSenderTest, KeepsAnotherValueOfAParamAsATag) {
  records.params({{"lr", "0.1"}});
  work();
  records.params({{"lr", "0.2"}, {"new", "1"}});
  EXPECT_EQ(work().next, Next::kIdle);
  EXPECT_EQ(server.params.at("lr"), "0.1");
  EXPECT_EQ(server.params.at("new"), "1");
  EXPECT_EQ(server.tags.at("param.lr"), "0.2");
}

TEST_F(MlflowSenderTest, StopsWhenItMayNot) {
  const LogCapture messages;
  log("loss", 1);
  for (const int status : {401, 403}) {
    begin();
    server.faults = {{.status = status}};
    EXPECT_EQ(work_on(), Next::kStopped);
    EXPECT_EQ(work().next, Next::kStopped);
  }
  EXPECT_EQ(messages.count("MLFLOW_TRACKING_TOKEN"), 2);
  EXPECT_EQ(messages.count("doesn't know who this is"), 1);
  EXPECT_EQ(messages.count("doesn't allow this"), 1);
}

TEST_F(MlflowSenderTest, StopsWhenTheRunThatEndsIsGone) {
  log("loss", 1);
  work();
  server.deleted = true;
  server.fault_at = "runs/update";
  server.faults = {{.status = 400}};
  records.status({"FINISHED", 2});
  EXPECT_EQ(work_on(), Next::kStopped);
  EXPECT_NE(sender->problem().find("mlflow runs restore --run-id r"),
            std::string::npos);
  // It comes back.
  server.deleted = false;
  begin();
  EXPECT_EQ(work_on(), Next::kIdle);
  EXPECT_EQ(server.status, "FINISHED");
}

TEST_F(MlflowSenderTest, StopsWhenTheRunIsGone) {
  log("loss", 1);
  work();
  log("loss", 2, 1);
  server.deleted = true;
  server.fault_at = "log-batch";
  server.faults = {
      {.status = 400,
       .body =
           R"({"error_code":"INVALID_PARAMETER_VALUE","message":"deleted"})"}};
  EXPECT_EQ(work_on(), Next::kStopped);
  EXPECT_NE(sender->problem().find("deleted"), std::string::npos);
  EXPECT_EQ(sender->sent().rejected, 0);
}

TEST_F(MlflowSenderTest, StopsAtAnAddressThatIsNoServer) {
  log("loss", 1);
  server.faults = {{.status = 302, .location = "https://elsewhere/login"}};
  EXPECT_EQ(work_on(), Next::kStopped);
  EXPECT_NE(sender->problem().find("https://elsewhere/login"),
            std::string::npos);
  EXPECT_EQ(server.requests.size(), 1u);
  begin();
  server.faults = {{.status = 404, .body = "<html>"}};
  EXPECT_EQ(work_on(), Next::kStopped);
  EXPECT_NE(sender->problem().find("no MLflow server"), std::string::npos);
}

// A page of a proxy that says 200 is no answer.
TEST_F(MlflowSenderTest, WaitsForAnAnswerThatIsOne) {
  log("loss", 1);
  server.fault_at = "log-batch";
  server.faults = {{.status = 200, .body = "<html>"},
                   {.status = 200, .body = "{\"a"}};
  EXPECT_EQ(work_on(), Next::kIdle);
  EXPECT_EQ(server.count("log-batch"), 3);
  EXPECT_EQ(server.metrics.size(), 1u);
}

// What can't be uploaded holds up nothing else, and isn't forgotten.
TEST_F(MlflowSenderTest, GoesOnWithoutAnArtifactThatCantBeUploaded) {
  server.fault_at = "mlflow-artifacts/artifacts/";
  server.faults.assign(3, {.status = 500});
  add_file("a", "first");
  log("loss", 1);
  records.status({"FINISHED", 2});
  const auto turn = work();
  EXPECT_EQ(turn.next, Next::kWait);
  EXPECT_EQ(server.metrics.size(), 1u);
  EXPECT_EQ(server.status, "FINISHED");
  EXPECT_TRUE(server.artifacts.empty());
  begin();  // another process
  EXPECT_EQ(work_on(), Next::kIdle);
  EXPECT_EQ(server.artifacts.size(), 1u);
}

TEST_F(MlflowSenderTest, OneArtifactHoldsUpNoOther) {
  add_file("poison", "first");
  add_file("a", "second");
  add_file("b", "third");
  const LogCapture messages;
  EXPECT_EQ(work().next, Next::kWait);
  clock.advance(2s);
  EXPECT_EQ(work().next, Next::kWait);
  EXPECT_EQ(server.artifacts.size(), 2u);
  EXPECT_EQ(messages.count("is sent later"), 1);
  EXPECT_EQ(messages.count("answers again"), 1);
  // And isn't forgotten.
  begin();
  const int before = server.count("/poison");
  work();
  EXPECT_EQ(server.count("/poison"), before + 1);
  // Nor are those missed that were uploaded meanwhile.
  EXPECT_EQ(server.artifacts.size(), 2u);
  EXPECT_EQ(sender->sent().rejected, 0);
}

// A login that has run out: the file waits for the next one.
TEST_F(MlflowSenderTest, KeepsAnArtifactThatIsSentElsewhere) {
  add_file("a", "first");
  server.fault_at = "mlflow-artifacts/artifacts/";
  server.faults = {{.status = 302, .location = "https://elsewhere/login"}};
  EXPECT_EQ(work_on(), Next::kStopped);
  EXPECT_EQ(sender->sent().rejected, 0);
  begin();
  EXPECT_EQ(work_on(), Next::kIdle);
  EXPECT_EQ(server.artifacts.size(), 1u);
}

// A journal from who knows where.
TEST_F(MlflowSenderTest, UploadsFilesOfItsFolderAlone) {
  const TempDir other;
  const auto file = other.path() / "secret";
  testing::write_file(file, "content");
  const TempDir store;
  server.artifact_uri = (store.path() / "1/2").string();
  records.artifact({.path = "a", .file = file.string()});
  records.artifact(
      {.path = "b",
       .file = "../" + other.path().filename().string() + "/secret"});
  add_file("../../c", "mine");
  EXPECT_EQ(work().next, Next::kIdle);
  EXPECT_TRUE(std::filesystem::is_empty(store.path()));
  EXPECT_TRUE(std::filesystem::exists(file));
}

TEST_F(MlflowSenderTest, EndsTheRunBehindItsArtifacts) {
  add_file("a", "first");
  records.status({"FINISHED", 2});
  work();
  std::vector<std::string> order;
  for (const auto& request : server.requests) {
    if (request.method == "PUT") order.push_back("artifact");
    if (request.url.ends_with("runs/update")) order.push_back("end");
  }
  EXPECT_EQ(order, (std::vector<std::string>{"artifact", "end"}));
}

TEST_F(MlflowSenderTest, SecretsStayWithTheServer) {
  server.artifact_uri = "mlflow-artifacts://other:1/1/r/artifacts";
  add_file("a", "first");
  work();
  server.artifact_uri = "mlflow-artifacts://host:5000/1/r/artifacts";
  begin();
  add_file("b", "second");
  work();
  std::map<std::string, bool> authorized;
  for (const auto& request : server.requests) {
    if (request.method == "PUT") authorized[request.url] = request.authorized;
  }
  EXPECT_FALSE(
      authorized.at("http://other:1/api/2.0/mlflow-artifacts/"
                    "artifacts/1/r/artifacts/a"));
  EXPECT_TRUE(
      authorized.at("http://host:5000/api/2.0/mlflow-artifacts/"
                    "artifacts/1/r/artifacts/b"));
}

TEST_F(MlflowSenderTest, SaysWhatArtifactsNeed) {
  server.artifact_uri = "s3://bucket/1/r/artifacts";
  add_file("a", "first");
  log("loss", 1);
  EXPECT_EQ(work().next, Next::kIdle);
  EXPECT_EQ(server.metrics.size(), 1u);
  EXPECT_NE(read_file(dir.path() / "mlflow_rejected.jsonl")
                .find("--artifacts-destination"),
            std::string::npos);
  // Not thrown away.
  EXPECT_TRUE(std::filesystem::exists(dir.path() / "mlflow_files/first"));
}

TEST_F(MlflowSenderTest, CopiesToAFolderThatItCanReach) {
  const TempDir store;
  server.artifact_uri = "file://" + (store.path() / "1").string();
  add_file("a/b.txt", "first");
  EXPECT_EQ(work().next, Next::kIdle);
  EXPECT_EQ(read_file(store.path() / "1/a/b.txt"), "first");
}

TEST_F(MlflowSenderTest, SendsAllAgainWhenItsNotesAreLost) {
  log("loss", 1);
  work();
  testing::write_file(dir.path() / "mlflow_sent.json", "{\"version\":1,");
  begin();
  EXPECT_EQ(work().next, Next::kIdle);
  EXPECT_EQ(server.count("log-batch"), 2);
  EXPECT_EQ(server.metrics.size(), 1u);
  EXPECT_EQ(server.runs, 1) << "it is the same run";
}

// It may be the server of before, under another name.
TEST_F(MlflowSenderTest, FindsItsRunAtAnotherAddress) {
  log("loss", 1);
  work();
  MlflowSender other(journal, dir.path(), server, *parse_url("http://alias"),
                     30s, clock);
  while (other.turn().next == Next::kGoOn) {
  }
  EXPECT_EQ(other.place().run_id, "r");
  EXPECT_EQ(server.runs, 1);
}

TEST_F(MlflowSenderTest, NotesTellOfNoMoreThanTheJournalHas) {
  write_progress(dir.path(), "http://a",
                 {.run_id = "r", .sent = 900, .offered = 1000});
  write_progress(dir.path(), "http://b", {.sent = 10, .artifacts = 5});
  limit_progress(dir.path(), 500);
  EXPECT_EQ(furthest_offered(dir.path()), 500u);
  const MlflowProgress a = read_progress(dir.path(), "http://a");
  EXPECT_EQ(a.run_id, "r");
  EXPECT_EQ(a.sent, 500u);
  const MlflowProgress b = read_progress(dir.path(), "http://b");
  EXPECT_EQ(b.sent, 10u);
  EXPECT_EQ(b.artifacts, 5u);
}

}  // namespace
}  // namespace bolt::detail
