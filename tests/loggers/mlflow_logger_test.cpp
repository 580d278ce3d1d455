#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <torchbolt/core/files.h>
#include <torchbolt/loggers/mlflow_logger.h>
#include <torchbolt/loggers/mlflow_sync.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "loggers/mlflow/journal.h"
#include "loggers/mlflow/records.h"
#include "loggers/mlflow/rest.h"
#include "support/canned_server.h"
#include "support/full_disk.h"
#include "support/log_capture.h"
#include "support/models.h"
#include "support/temp_dir.h"
#include "support/write_file.h"

namespace bolt {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::Line;
using testing::line_batches;
using testing::LogCapture;
using testing::quiet;
using testing::TempDir;

// Where nobody listens.
constexpr const char* kNobody = "http://127.0.0.1:1";

class MLflowLoggerTest : public ::testing::Test {
 protected:
  MLflowLoggerTest() {
    for (const char* name : {"MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME",
                             "MLFLOW_RUN_ID", "MLFLOW_TRACKING_TOKEN"}) {
      ::unsetenv(name);
    }
  }

  MLflowLoggerOptions options() const {
    return {.experiment_name = "e", .save_dir = dir.path()};
  }
  fs::path run(const std::string& version = "version_0") const {
    return dir.path() / "e" / version;
  }
  TrainerOptions trainer_options(std::shared_ptr<Logger> logger,
                                 int64_t epochs = 2) const {
    auto all = quiet({.max_epochs = epochs, .logger = std::move(logger)});
    all.log_every_n_steps = 1;
    return all;
  }
  // The lines of a run of this kind, "metrics" or so, without their checksums.
  std::vector<std::string> lines(
      const std::string& op, const std::string& version = "version_0") const {
    std::vector<std::string> found;
    const std::string bytes = read_file(run(version) / "mlflow.jsonl");
    std::string_view rest = bytes;
    while (const auto line = detail::take_line(rest)) {
      if (line->op == op) found.emplace_back(line->json.substr(18));
    }
    EXPECT_EQ(rest, "");
    return found;
  }

  TempDir dir{};
};

TEST_F(MLflowLoggerTest, KeepsARunWithoutAServer) {
  const LogCapture messages;
  auto logger = std::make_shared<MLflowLogger>(options());
  Trainer trainer(trainer_options(logger));
  Line line;
  trainer.fit(line, line_batches(3));
  EXPECT_EQ(logger->name(), "e");
  EXPECT_EQ(logger->version(), "version_0");
  EXPECT_EQ(logger->run_id(), std::nullopt);
  EXPECT_EQ(lines("run").size(), 1u);
  EXPECT_EQ(lines("metrics").size(), 6u);
  ASSERT_EQ(lines("status").size(), 1u);
  EXPECT_NE(lines("status")[0].find("FINISHED"), std::string::npos);
  EXPECT_EQ(messages.count("torchbolt mlflow sync " + run().string() +
                           " --tracking-uri URI"),
            1);
}

TEST_F(MLflowLoggerTest, SaysHowARunEnded) {
  Trainer trainer(trainer_options(std::make_shared<MLflowLogger>(options())));
  Line line;
  line.on_hook = [](const std::string& hook) {
    if (hook == "on_train_epoch_end") throw std::runtime_error("!");
  };
  EXPECT_THROW(trainer.fit(line, line_batches(1)), std::runtime_error);
  EXPECT_NE(lines("status").at(0).find("FAILED"), std::string::npos);
}

TEST_F(MLflowLoggerTest, GoesOnAtTheNextEntryPoint) {
  auto logger = std::make_shared<MLflowLogger>(options());
  Trainer trainer(trainer_options(logger, 1));
  Line line;
  trainer.fit(line, line_batches(1));
  trainer.test(line, line_batches(1));
  const auto status = lines("status");
  ASSERT_EQ(status.size(), 3u);
  EXPECT_NE(status[1].find("RUNNING"), std::string::npos);
  EXPECT_NE(lines("metrics").back().find("test_loss"), std::string::npos);
}

// Training doesn't notice, and nothing is lost.
TEST_F(MLflowLoggerTest, TrainsWhileTheServerIsAway) {
  const LogCapture messages;
  auto all = options();
  all.tracking_uri = kNobody;
  all.finalize_timeout = 10ms;
  Trainer trainer(trainer_options(std::make_shared<MLflowLogger>(all)));
  Line line;
  trainer.fit(line, line_batches(3));
  EXPECT_EQ(lines("metrics").size(), 6u);
  EXPECT_EQ(messages.count("hasn't got all of the run"), 1);
  EXPECT_EQ(messages.count("torchbolt mlflow sync " + run().string()), 1);
  const auto result = sync_mlflow(run(), {.timeout = 1ms});
  EXPECT_FALSE(result.complete);
  EXPECT_NE(result.problem, "");
  EXPECT_EQ(result.server, kNobody);
}

TEST_F(MLflowLoggerTest, SaysWhatIsNoServer) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"sqlite:///a.db", "mlflow server --backend-store-uri"},
      {"postgresql://u:c4n4ry@h/d", "mlflow server --backend-store-uri"},
      {"file:./mlruns", "torchbolt mlflow sync"},
      {"mlruns", "torchbolt mlflow sync"},
      {"databricks", "http"},
      // Passwords that should have been written otherwise.
      {"http://u:c4n4ry/1@h:5000", "%2F"},
      {"http://u:12/c4n4ry@h:5000", "%2F"},
      {"http://u:c4n4ry#1@h:5000", "%2F"},
      {"u:c4n4ry@h:5000", "http"},
      {"http:/u:c4n4ry@h:5000", "http"},
      {"http://u:c4n4ry", "http"}};
  for (const auto& [uri, tip] : cases) {
    auto all = options();
    all.tracking_uri = uri;
    try {
      MLflowLogger logger(all);
      FAIL() << uri;
    } catch (const ConfigError& error) {
      const std::string text = error.what();
      EXPECT_NE(text.find(tip), std::string::npos) << text;
      EXPECT_EQ(text.find("c4n4ry"), std::string::npos) << text;
    }
  }
}

TEST_F(MLflowLoggerTest, SecretsAreNowhere) {
  const LogCapture messages;
  auto all = options();
  all.tracking_uri = "http://user:c4n4ry@127.0.0.1:1";
  all.finalize_timeout = 10ms;
  MLflowLogger logger(all);
  logger.log_metrics({{"a", 1}}, 0);
  logger.finalize(LoggerStatus::kSuccess);
  EXPECT_EQ(messages.count("c4n4ry"), 0);
  for (const auto& entry : fs::recursive_directory_iterator(dir.path())) {
    if (!entry.is_regular_file()) continue;
    EXPECT_EQ(read_file(entry.path()).find("c4n4ry"), std::string::npos)
        << entry.path();
  }
  try {
    sync_mlflow(run(), {.tracking_uri = all.tracking_uri});
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_EQ(std::string(error.what()).find("c4n4ry"), std::string::npos);
  }
}

TEST_F(MLflowLoggerTest, EachRunHasAFolder) {
  MLflowLogger first(options());
  MLflowLogger second(first);
  first.start();
  second.start();
  EXPECT_EQ(first.log_dir(), run("version_0"));
  EXPECT_EQ(second.log_dir(), run("version_1"));
  auto nested = options();
  nested.experiment_name = "/team/../e";
  EXPECT_EQ(MLflowLogger(nested).name(), "_team_.._e");
}

TEST_F(MLflowLoggerTest, AFolderThatIsThereIsGoneOnWith) {
  auto all = options();
  all.version = "mine";
  for (int k = 0; k < 2; ++k) {
    MLflowLogger logger(all);
    logger.log_metrics({{"a", k}}, k);
    logger.finalize(LoggerStatus::kSuccess);
  }
  EXPECT_EQ(lines("run", "mine").size(), 1u);
  EXPECT_EQ(lines("metrics", "mine").size(), 2u);
}

// A run that goes on from a checkpoint logs nothing twice.
TEST_F(MLflowLoggerTest, GoesBackToACheckpoint) {
  State state;
  {
    MLflowLogger logger(options());
    logger.start();
    logger.log_metrics({{"a", 0}}, 0);
    state = logger.state();
    logger.log_metrics({{"a", 1}}, 1);
    logger.finalize(LoggerStatus::kFailed);
  }
  EXPECT_EQ(lines("metrics").size(), 2u);
  MLflowLogger logger(options());
  ASSERT_TRUE(logger.resume(state));
  logger.start();
  logger.log_metrics({{"a", 1.5}}, 1);
  logger.finalize(LoggerStatus::kSuccess);
  const auto metrics = lines("metrics");
  ASSERT_EQ(metrics.size(), 2u);
  EXPECT_NE(metrics[1].find("1.5"), std::string::npos);
  EXPECT_EQ(logger.log_dir(), run());
  EXPECT_EQ(lines("run").size(), 1u);

  // Another experiment, a run that is gone, or one that is another.
  auto all = options();
  all.experiment_name = "f";
  EXPECT_FALSE(MLflowLogger(all).resume(state));
  state["key"] = "other";
  MLflowLogger other(options());
  EXPECT_FALSE(other.resume(state));
  EXPECT_EQ(other.version(), "version_1");
  fs::remove_all(run());
  EXPECT_FALSE(MLflowLogger(options()).resume(state));
}

// The server may have what was sent: that stays, and isn't sent again.
TEST_F(MLflowLoggerTest, GoesBackNoFurtherThanTheServer) {
  State state;
  {
    MLflowLogger logger(options());
    logger.start();
    state = logger.state();
    logger.log_metrics({{"a", 1}}, 1);
    logger.log_metrics({{"a", 2}}, 2);
    logger.finalize(LoggerStatus::kFailed);
  }
  const std::string journal = read_file(run() / "mlflow.jsonl");
  const std::string first = lines("metrics").at(0);
  const std::size_t offered =
      journal.find("\n", journal.find("\"step\":1")) + 1;
  testing::write_file(run() / "mlflow_sent.json",
                      R"({"version":1,"servers":{"x":{"offered":)" +
                          std::to_string(offered) + "}}}");
  MLflowLogger logger(options());
  ASSERT_TRUE(logger.resume(state));
  logger.start();
  logger.log_metrics({{"a", 1}}, 1);
  logger.log_metrics({{"a", 2}}, 2);
  logger.finalize(LoggerStatus::kSuccess);
  ASSERT_EQ(lines("metrics").size(), 2u);
  EXPECT_EQ(lines("metrics")[0], first);
}

// A child that was forked off has neither the threads nor the connection.
TEST_F(MLflowLoggerTest, AForkedChildWritesNothing) {
  auto all = options();
  all.tracking_uri = kNobody;
  all.finalize_timeout = 10ms;
  MLflowLogger logger(all);
  logger.log_metrics({{"a", 1}}, 1);
  logger.flush();
  const pid_t child = ::fork();
  if (child == 0) {
    logger.log_metrics({{"b", 1}}, 1);
    logger.log_tag("c", "d");
    logger.log_artifact("/proc/self/status");
    logger.flush();
    if (logger.run_id() || logger.state().at("offset").as_int() == 0) {
      ::_exit(1);
    }
    logger.finalize(LoggerStatus::kFailed);
    logger.~MLflowLogger();
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  logger.finalize(LoggerStatus::kSuccess);
  EXPECT_EQ(lines("metrics").size(), 1u);
  EXPECT_EQ(lines("status").size(), 1u);
  EXPECT_FALSE(fs::exists(run() / "mlflow_files"));
}

// Each callback has its own best one.
TEST_F(MLflowLoggerTest, KeepsTheCheckpointsOfEachCallback) {
  auto all = options();
  all.log_model = true;
  auto more = trainer_options(std::make_shared<MLflowLogger>(all), 2);
  more.enable_checkpointing = true;
  more.callbacks = {
      ModelCheckpoint({.dirpath = dir.path() / "c", .filename = "first"}),
      ModelCheckpoint({.dirpath = dir.path() / "d",
                       .filename = "second",
                       .every_n_epochs = 2})};
  Line line;
  Trainer(std::move(more)).fit(line, line_batches(2));
  std::string artifacts;
  for (const std::string& text : lines("artifact")) artifacts += text;
  for (const char* path : {"first/first.ckpt", "first/aliases.txt",
                           "second/second.ckpt", "second/aliases.txt"}) {
    EXPECT_NE(artifacts.find(path), std::string::npos) << artifacts;
  }
}

// Checkpoints that the callback has removed since are still there for the
// server.
TEST_F(MLflowLoggerTest, KeepsCheckpointsForTheServer) {
  auto all = options();
  all.log_model = LogModel::all();
  auto logger = std::make_shared<MLflowLogger>(all);
  auto more = trainer_options(logger, 3);
  more.enable_checkpointing = true;
  more.callbacks = {ModelCheckpoint({.dirpath = dir.path() / "c"})};
  Trainer trainer(std::move(more));
  Line line;
  trainer.fit(line, line_batches(2));
  const auto artifacts = lines("artifact");
  std::set<std::string> names;
  for (const auto& text : artifacts) {
    const std::size_t at = text.find("\"path\":\"") + 8;
    names.insert(text.substr(at, text.find('"', at) - at));
  }
  for (const char* stem :
       {"epoch=0-step=2", "epoch=1-step=4", "epoch=2-step=6"}) {
    EXPECT_TRUE(names.contains(std::string(stem) + "/" + stem + ".ckpt"));
    EXPECT_TRUE(names.contains(std::string(stem) + "/metadata.yaml"));
  }
  std::size_t kept = 0;
  for (const auto& file : fs::directory_iterator(run() / "mlflow_files")) {
    kept += file.path().extension() == ".ckpt" ? 1 : 0;
  }
  EXPECT_EQ(kept, 3u);
}

TEST_F(MLflowLoggerTest, AFileIsKeptAsItIs) {
  testing::write_file(dir.path() / "f.txt", "one");
  MLflowLogger logger(options());
  logger.log_artifact(dir.path() / "f.txt", "notes");
  std::ofstream(dir.path() / "f.txt") << "two";
  EXPECT_THROW(logger.log_artifact(dir.path() / "none"), Error);
  logger.finalize(LoggerStatus::kSuccess);
  ASSERT_EQ(lines("artifact").size(), 1u);
  EXPECT_NE(lines("artifact")[0].find("\"path\":\"notes/f.txt\""),
            std::string::npos);
  for (const auto& file : fs::directory_iterator(run() / "mlflow_files")) {
    EXPECT_EQ(read_file(file.path()), "one");
  }
}

// The run ends as always, and says what is lost.
TEST_F(MLflowLoggerTest, AFullDiskStopsNothing) {
  const LogCapture messages;
  MLflowLogger logger(options());
  logger.start();
  logger.log_metrics({{"a", 0}}, 0);
  logger.flush();
  {
    const testing::FullDisk full(fs::file_size(run() / "mlflow.jsonl"));
    for (int k = 1; k < 10; ++k) logger.log_metrics({{"a", k}}, k);
    logger.log_text("t", "text", 0);
    logger.finalize(LoggerStatus::kSuccess);
  }
  EXPECT_EQ(lines("metrics").size(), 1u);
  EXPECT_GE(messages.count("waits in memory"), 1);
  EXPECT_EQ(messages.count("found no room on the disk and are lost"), 1);
}

// An artifact for which there is no room, either.
TEST_F(MLflowLoggerTest, AFullDiskForArtifactsStopsNothing) {
  const LogCapture messages;
  testing::write_file(dir.path() / "big", std::string(100'000, 'x'));
  MLflowLogger logger(options());
  auto strictly = options();
  strictly.strict = true;
  MLflowLogger strict(strictly);
  logger.start();
  strict.start();
  {
    const testing::FullDisk full(50'000);
    logger.log_artifact(dir.path() / "big");
    EXPECT_THROW(strict.log_artifact(dir.path() / "big"), Error);
    logger.finalize(LoggerStatus::kSuccess);
    strict.finalize(LoggerStatus::kSuccess);
  }
  EXPECT_EQ(messages.count("an artifact is lost"), 1);
  EXPECT_TRUE(fs::is_empty(run() / "mlflow_files"));
  EXPECT_TRUE(lines("artifact").empty());
  // What isn't there at all is the caller's mistake.
  MLflowLogger third(options());
  EXPECT_THROW(third.log_artifact(dir.path()), Error);
}

// A name that no journal could tell of.
TEST_F(MLflowLoggerTest, KeepsFilesOfAnyName) {
  const fs::path file = dir.path() / "a.\xff";
  testing::write_file(file, "one");
  MLflowLogger logger(options());
  logger.log_artifact(file);
  logger.finalize(LoggerStatus::kSuccess);
  const std::string line = lines("artifact").at(0);
  const std::size_t at = line.find("mlflow_files/");
  EXPECT_EQ(read_file(run() / line.substr(at, line.find('"', at) - at)), "one");
}

// Whoever doesn't wait is told all the same.
TEST_F(MLflowLoggerTest, SaysWhatIsLeftToSend) {
  auto all = options();
  all.tracking_uri = kNobody;
  all.finalize_timeout = 0ms;
  {
    const LogCapture messages;
    MLflowLogger logger(all);
    logger.log_metrics({{"a", 1}}, 1);
    logger.finalize(LoggerStatus::kSuccess);
    EXPECT_EQ(messages.count("torchbolt mlflow sync " + run().string()), 1);
  }
  const LogCapture messages;
  {
    MLflowLogger logger(all);
    logger.log_metrics({{"a", 1}}, 1);
  }
  EXPECT_EQ(messages.count("finalize()"), 1);
  EXPECT_EQ(
      messages.count("torchbolt mlflow sync " + run("version_1").string()), 1);
}

// Name and password may be in the address that the environment has.
TEST_F(MLflowLoggerTest, SyncKnowsWhoSends) {
  testing::CannedServer server(
      {"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"});
  const std::string place = server.url().substr(7);
  detail::Journal(run() / "mlflow.jsonl")
      .append("run", R"("version":1,"key":"k","server":")" + server.url() +
                         R"(","experiment":"e","start_time":1,"tags":[])");
  ::setenv("MLFLOW_TRACKING_URI", ("http://user:pass@" + place).c_str(), 1);
  const auto result = sync_mlflow(run(), {.timeout = 1ms});
  ::unsetenv("MLFLOW_TRACKING_URI");
  EXPECT_FALSE(result.complete);
  EXPECT_NE(server.request(0).find("Authorization: Basic dXNlcjpwYXNz"),
            std::string::npos)
      << server.request(0);
}

TEST_F(MLflowLoggerTest, ATokenFromAFileHasANewline) {
  ::setenv("MLFLOW_TRACKING_TOKEN", "abc\n", 1);
  const auto options = detail::mlflow_curl_options(*detail::parse_url(kNobody));
  ::unsetenv("MLFLOW_TRACKING_TOKEN");
  EXPECT_EQ(options.token.expose(), "abc");
}

// A run that is there already gets the tags, too.
TEST_F(MLflowLoggerTest, GoesOnWithARunOfTheServer) {
  auto all = options();
  all.run_id = "abc";
  all.tags = {{"team", "a"}};
  MLflowLogger logger(all);
  logger.start();
  logger.finalize(LoggerStatus::kSuccess);
  EXPECT_NE(lines("run").at(0).find("\"run_id\":\"abc\""), std::string::npos);
  EXPECT_NE(lines("tags").at(0).find("\"team\""), std::string::npos);
  EXPECT_EQ(lines("status").size(), 2u);
}

TEST_F(MLflowLoggerTest, SyncSaysWhatItLacks) {
  EXPECT_THROW(sync_mlflow(dir.path()), Error);
  // Nobody's journal.
  testing::write_file(dir.path() / "mlflow.jsonl", "{}\n{}\n");
  for (int k = 0; k < 2; ++k) {
    EXPECT_THROW(sync_mlflow(dir.path(), {.tracking_uri = kNobody}), Error);
  }
  EXPECT_EQ(read_file(dir.path() / "mlflow.jsonl.damaged"), "{}\n{}\n");
  MLflowLogger logger(options());
  logger.start();
  logger.flush();
  // The run is writing it.
  EXPECT_THROW(sync_mlflow(run(), {.tracking_uri = kNobody}), Error);
  logger.finalize(LoggerStatus::kSuccess);
  EXPECT_THROW(sync_mlflow(run()), ConfigError);
}

}  // namespace
}  // namespace bolt
