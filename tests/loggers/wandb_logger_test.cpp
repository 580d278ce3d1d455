#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>
#include <torchbolt/data/table.h>
#include <torchbolt/loggers/wandb_logger.h>
#include <torchbolt/trainer/checkpoint_callback.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "loggers/wandb/uploader.h"
#include "support/environment.h"
#include "support/errors.h"
#include "support/full_disk.h"
#include "support/log_capture.h"
#include "support/temp_dir.h"
#include "support/wandb_log.h"
#include "support/write_file.h"

namespace bolt {
namespace {

using testing::has;
using testing::LogCapture;
using testing::message_of;
using testing::TempDir;
using testing::WandbLog;
using testing::WithEnvironment;
using testing::write_file;
using Texts = std::vector<std::string>;

class WandbLoggerTest : public ::testing::Test {
 protected:
  WandbLoggerOptions options(const std::string& id = "") const {
    return {.save_dir = dir_.path(), .id = id, .offline = true};
  }
  std::vector<std::filesystem::path> folders() const {
    std::vector<std::filesystem::path> found;
    for (const auto& entry :
         std::filesystem::directory_iterator(dir_.path() / "wandb")) {
      if (!entry.is_symlink()) found.push_back(entry.path());
    }
    std::ranges::sort(found);
    return found;
  }

  TempDir dir_{};
  LogCapture log_{};
  WithEnvironment mode_{"WANDB_MODE", nullptr};
  WithEnvironment id_{"WANDB_RUN_ID", nullptr};
  WithEnvironment resume_{"WANDB_RESUME", nullptr};
};

TEST_F(WandbLoggerTest, KeepsMetricsAsRows) {
  WandbLogger logger({.save_dir = dir_.path(), .offline = true, .prefix = "p"});
  logger.log_metrics({{"a", 0.1}, {"b", std::nan("")}}, 7);
  logger.log_metrics({{"a", 3}}, 9);
  const auto path = logger.log_path();
  logger.finalize(LoggerStatus::kSuccess);
  logger.finish();
  const WandbLog log(path);
  ASSERT_EQ(log.rows.size(), 2U);
  EXPECT_EQ(log.rows[0].at("p-a"), "0.1");
  EXPECT_EQ(log.rows[0].at("p-b"), "NaN");
  EXPECT_EQ(log.column("trainer/global_step"), (Texts{"7", "9"}));
  EXPECT_EQ(log.column("_step"), (Texts{"0", "1"}));
  EXPECT_EQ(log.summary.at("p-a"), "3");
  EXPECT_EQ(log.exits, std::vector<int64_t>{0});
  EXPECT_EQ(log.run_id, logger.version());
  EXPECT_EQ(log_.count("wandb sync " + path.parent_path().string()), 1);
}

// Of a run of its own, in a repository.
WandbLog log_in_repository(const WandbLoggerOptions& options) {
  const TempDir repository;
  std::filesystem::create_directory(repository.path() / ".git");
  write_file(repository.path() / ".git" / "HEAD", std::string(40, 'a') + "\n");
  write_file(repository.path() / ".git" / "config",
             "[remote \"origin\"]\n\turl = https://me:pass@host/code\n");
  struct Inside {
    explicit Inside(const std::filesystem::path& folder) {
      std::filesystem::current_path(folder);
    }
    ~Inside() { std::filesystem::current_path(before); }
    std::filesystem::path before = std::filesystem::current_path();
  } const inside(repository.path());
  WandbLogger logger(options);
  logger.log_metrics({{"a", 1}}, 0);
  const auto path = logger.log_path();
  logger.finish();
  return WandbLog(path);
}

TEST_F(WandbLoggerTest, TellsTheCommitAndWhereItIsFrom) {
  WithEnvironment off("WANDB_DISABLE_GIT", nullptr);
  WithEnvironment commit("WANDB_GIT_COMMIT", nullptr);
  WithEnvironment url("WANDB_GIT_REMOTE_URL", nullptr);
  const WandbLog found = log_in_repository(options());
  EXPECT_EQ(found.commit, std::string(40, 'a'));
  EXPECT_EQ(found.remote_url, "https://host/code");
  const WithEnvironment other("WANDB_GIT_COMMIT", "b1");
  const WithEnvironment there("WANDB_GIT_REMOTE_URL", "ssh://me@there/code");
  const WandbLog told = log_in_repository(options());
  EXPECT_EQ(told.commit, "b1");
  EXPECT_EQ(told.remote_url, "ssh://there/code");
  const WithEnvironment disabled("WANDB_DISABLE_GIT", "true");
  const WandbLog without = log_in_repository(options());
  EXPECT_EQ(without.commit + without.remote_url, "");
}

TEST_F(WandbLoggerTest, LeavesAnEarlierLogThatIsNoneAside) {
  const char* const none = nullptr;
  for (const char* id : {"a", none}) {
    const WithEnvironment resume("WANDB_RESUME",
                                 id == nullptr ? "auto" : nullptr);
    WandbLogger first(options("a"));
    first.log_metrics({{"m", 1}}, 0);
    const auto empty = first.log_path();
    first.finish();
    write_file(empty, "");  // as a full disk leaves it
    WandbLogger next(options(id == nullptr ? "" : id));
    next.log_metrics({{"m", 2}}, 0);
    const auto path = next.log_path();
    next.finish();
    EXPECT_NE(path, empty);
    EXPECT_EQ(WandbLog(path).column("m"), Texts{"2"});
    EXPECT_GE(log_.count("an earlier log is left aside"), 1);
  }
}

TEST_F(WandbLoggerTest, ATableIsAsItWasWhenItWasLogged) {
  const at::Tensor numbers = at::ones({2}, at::kLong);
  WandbLogger logger(options());
  logger.start();
  // What is logged waits behind a million texts.
  for (int k = 0; k < 100; ++k)
    logger.log_text("t", std::string(10'000, 'x'), 0);
  logger.log_table("cells", Table({{"n", numbers}}), 1);
  numbers.fill_(7);
  const auto folder = logger.log_path().parent_path();
  logger.finish();
  for (const auto& file :
       std::filesystem::recursive_directory_iterator(folder)) {
    if (file.path().filename().string().starts_with("cells")) {
      EXPECT_TRUE(has(read_file(file.path()), {"[[1],[1]]"}))
          << read_file(file.path());
      return;
    }
  }
  FAIL() << "there is no table";
}

TEST_F(WandbLoggerTest, LatestRunIsTheOneThatBeganLast) {
  WandbLogger first(options("a"));
  first.start();
  WandbLogger second(options("b"));
  second.start();
  EXPECT_EQ(std::filesystem::canonical(dir_.path() / "wandb" / "latest-run"),
            std::filesystem::canonical(second.log_path().parent_path()));
}

TEST_F(WandbLoggerTest, AFailedRunSaysSo) {
  WandbLogger logger(options());
  logger.log_metrics({{"a", 1}}, 0);
  const auto path = logger.log_path();
  logger.finalize(LoggerStatus::kFailed);
  EXPECT_TRUE(WandbLog(path).exits.empty());  // a test may follow
  logger.finish();
  EXPECT_EQ(WandbLog(path).exits, std::vector<int64_t>{1});
}

TEST_F(WandbLoggerTest, GoesOnWhereACheckpointWasWritten) {
  State state;
  std::filesystem::path path;
  {
    WandbLogger logger(options());
    for (int64_t k = 0; k < 5; ++k) logger.log_metrics({{"a", 0}}, k);
    state = logger.state();
    logger.log_image("lost", at::zeros({2, 2}), 5);
    logger.log_metrics({{"a", 0}}, 5);
    path = logger.log_path();
  }
  EXPECT_EQ(WandbLog(path).rows.size(), 7U);
  {
    WandbLogger again(options());
    ASSERT_TRUE(again.resume(state));
    again.start();
    EXPECT_EQ(again.log_path(), path);
    again.flush();
    // Until there is something else, nothing is taken out.
    EXPECT_EQ(WandbLog(path).rows.size(), 7U);
    again.log_metrics({{"a", 1}}, 5);
  }
  const WandbLog log(path);
  EXPECT_EQ(log.column("trainer/global_step"),
            (Texts{"0", "1", "2", "3", "4", "5"}));
  EXPECT_EQ(log.column("_step"), (Texts{"0", "1", "2", "3", "4", "5"}));
  EXPECT_EQ(log.rows.back().at("a"), "1");
  EXPECT_EQ(log.exits, std::vector<int64_t>{0});
  EXPECT_EQ(folders().size(), 1U);
}

TEST_F(WandbLoggerTest, WhatWasUploadedStaysAndAnotherFileFollows) {
  State state;
  std::filesystem::path path;
  {
    WandbLogger logger(options());
    logger.log_metrics({{"a", 0}}, 0);
    state = logger.state();
    logger.log_metrics({{"a", 0}}, 1);
    path = logger.log_path();
  }
  write_file(path.string() + ".synced", "");
  const std::string before = read_file(path);
  WandbLogger again(options());
  ASSERT_TRUE(again.resume(state));
  again.log_metrics({{"a", 1}}, 1);
  again.flush();
  EXPECT_NE(again.log_path(), path);
  EXPECT_EQ(read_file(path), before);
  const WandbLog log(again.log_path());
  EXPECT_EQ(log.run_id, WandbLog(path).run_id);
  EXPECT_EQ(log.starting_step, 2);
  EXPECT_EQ(log.column("_step"), Texts{"2"});
}

TEST_F(WandbLoggerTest, TakesBackNoOtherRun) {
  State state;
  {
    WandbLogger logger(options("one"));
    logger.log_metrics({{"a", 0}}, 0);
    state = logger.state();
  }
  EXPECT_FALSE(WandbLogger(options("two")).resume(state));
  WandbLoggerOptions elsewhere = options();
  elsewhere.save_dir = dir_.path() / "x";
  EXPECT_FALSE(WandbLogger(elsewhere).resume(state));
  std::filesystem::remove_all(dir_.path() / "wandb");
  EXPECT_FALSE(WandbLogger(options()).resume(state));
}

TEST_F(WandbLoggerTest, ASecondPartOfARunIsAFileOfItsOwn) {
  WandbLogger logger(options("same"));
  logger.log_metrics({{"a", 0}}, 0);
  logger.finish();
  logger.log_metrics({{"a", 0}}, 1);
  const auto second = logger.log_path();
  logger.finish();
  ASSERT_EQ(folders().size(), 2U);
  EXPECT_EQ(WandbLog(second).column("_step"), Texts{"1"});
}

TEST_F(WandbLoggerTest, EndsWhatAKilledProcessLeft) {
  const auto path = [&] {
    WandbLogger logger(options("killed"));
    logger.log_metrics({{"a", 0}}, 0);
    logger.flush();
    const auto log = logger.log_path();
    std::filesystem::copy_file(log, dir_.path() / "copy");
    return log;
  }();
  const std::string whole = read_file(dir_.path() / "copy");
  write_file(path, whole.substr(0, whole.size() - 3));
  WandbLogger again(options("killed"));
  again.start();
  const WandbLog log(path);
  EXPECT_EQ(log.exits, std::vector<int64_t>{1});
  EXPECT_EQ(log.rows.size(), 1U);
}

TEST_F(WandbLoggerTest, TheEnvironmentSaysWhetherARunGoesOn) {
  WandbLogger(options("r")).log_metrics({{"a", 0}}, 0);
  {
    const WithEnvironment never("WANDB_RESUME", "never");
    EXPECT_TRUE(
        has(message_of<ConfigError>([&] { WandbLogger(options("r")).start(); }),
            {"WANDB_RESUME=never", "r"}));
  }
  {
    const WithEnvironment must("WANDB_RESUME", "must");
    EXPECT_TRUE(has(
        message_of<ConfigError>([&] { WandbLogger(options("other")).start(); }),
        {"WANDB_RESUME=must", "other"}));
  }
  const WithEnvironment automatic("WANDB_RESUME", "auto");
  WandbLogger fresh(options());
  fresh.start();
  EXPECT_NE(fresh.version(), "r");  // that one ended
  // And this one didn't yet.
  WandbLogger next(options());
  next.start();
  EXPECT_EQ(next.version(), fresh.version());
}

TEST_F(WandbLoggerTest, DisabledItWritesNothing) {
  const WithEnvironment mode("WANDB_MODE", "disabled");
  {
    WandbLogger logger(options());
    logger.start();
    logger.log_hyperparams(State::map({{"a", 1}}));
    logger.log_metrics({{"a", 1}}, 0);
    logger.log_text("t", "x", 0);
    logger.log_image("i", at::zeros({2, 2}), 0);
    EXPECT_TRUE(logger.state().is_none());
    logger.finalize(LoggerStatus::kSuccess);
  }
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
}

TEST_F(WandbLoggerTest, NamesCannotLeaveTheFolder) {
  WandbLogger logger(options());
  logger.log_image("../../../up", at::zeros({2, 2}), 0);
  logger.log_image("/etc/x\n", at::zeros({2, 2}), 0);
  logger.log_text(std::string(400, 'n') + "\xff", "x", 0);
  logger.finish();
  const auto folder = folders().at(0);
  const WandbLog log(folder / ("run-" + logger.version() + ".wandb"));
  ASSERT_EQ(log.files.size(), 3U);
  for (const auto& file : log.files) {
    EXPECT_TRUE(file.starts_with("media/")) << file;
    EXPECT_EQ(file.find(".."), std::string::npos) << file;
    EXPECT_TRUE(std::filesystem::exists(folder / "files" / file)) << file;
  }
}

TEST_F(WandbLoggerTest, KeysGetIntoNoFile) {
  const std::string key = "canary0123456789canary0123456789canary012345";
  const WithEnvironment variable("WANDB_API_KEY", key.c_str());
  {
    WandbLogger logger(options());
    logger.log_hyperparams(State::map({{"api_key", key}}));
    logger.log_output("the key is " + key + "\n");
    logger.finalize(LoggerStatus::kSuccess);
  }
  int files = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(dir_.path())) {
    if (!entry.is_regular_file()) continue;
    ++files;
    EXPECT_EQ(read_file(entry.path()).find(key), std::string::npos)
        << entry.path();
  }
  EXPECT_GT(files, 0);
  EXPECT_EQ(log_.count(key), 0);
}

// A callback that keeps these files.
struct Keeper final : CheckpointCallback {
  explicit Keeper(std::vector<KeptCheckpoint> files, int64_t most = 1)
      : files_(std::move(files)), most_(most) {}
  std::vector<KeptCheckpoint> kept_checkpoints() const override {
    return files_;
  }
  int64_t most_kept() const override { return most_; }

  std::vector<KeptCheckpoint> files_;
  int64_t most_;
};

TEST_F(WandbLoggerTest, UploadsWhatIsKeptWhenTheTrainingEndsWell) {
  const auto file = dir_.path() / "a.ckpt";
  write_file(file, "weights");
  const Keeper keeper({{.path = file, .score = 0.5, .best = true}});
  for (const LoggerStatus status :
       {LoggerStatus::kFailed, LoggerStatus::kSuccess}) {
    WandbLoggerOptions with = options();
    with.log_model = true;
    with.checkpoint_name = "my model";
    WandbLogger logger(with);
    logger.start();
    logger.after_save_checkpoint(keeper);
    logger.flush();
    const auto path = logger.log_path();
    EXPECT_TRUE(WandbLog(path).artifacts.empty());
    logger.finalize(status);
    logger.finalize(status);  // it is there already
    const auto artifacts = WandbLog(path).artifacts;
    if (status == LoggerStatus::kFailed) {
      EXPECT_TRUE(artifacts.empty());
      continue;
    }
    ASSERT_EQ(artifacts.size(), 1U);
    EXPECT_TRUE(artifacts[0].first.starts_with("mymodel-"));
    EXPECT_TRUE(artifacts[0].first.ends_with(":latest,best,"));
    EXPECT_EQ(read_file(artifacts[0].second), "weights");
    EXPECT_NE(artifacts[0].second, file);
  }
}

TEST_F(WandbLoggerTest, ACheckpointThatIsReplacedIsUploadedAsItWas) {
  const auto file = dir_.path() / "a.ckpt";
  write_file(file, "old");
  WandbLoggerOptions with = options("id");
  with.log_model = LogModel::all();
  WandbLogger logger(with);
  logger.start();
  logger.after_save_checkpoint(Keeper({{.path = file}}));
  write_file(file, "new");
  std::filesystem::last_write_time(
      file, std::filesystem::last_write_time(file) + std::chrono::hours(1));
  logger.after_save_checkpoint(Keeper({{.path = file}}));
  std::filesystem::remove(file);
  logger.flush();
  const auto artifacts = WandbLog(logger.log_path()).artifacts;
  ASSERT_EQ(artifacts.size(), 2U);
  EXPECT_EQ(artifacts[0].first, "model-id:latest,");
  EXPECT_EQ(read_file(artifacts[0].second), "old");
  EXPECT_EQ(read_file(artifacts[1].second), "new");
}

TEST_F(WandbLoggerTest, WhatAFullDiskKeepsOutIsThereOnceThereIsRoom) {
  WandbLogger logger(options());
  testing::FullDisk full(300);
  logger.start();
  const auto path = logger.log_path();
  for (int64_t k = 0; k < 100; ++k) logger.log_metrics({{"a", 1}}, k);
  logger.flush();
  // Whole records, as far as there are any.
  EXPECT_LE(std::filesystem::file_size(path), 300U);
  EXPECT_GE(log_.count("can't write"), 1);
  full.end();
  logger.log_metrics({{"a", 1}}, 100);
  logger.finish();
  const WandbLog log(path);
  EXPECT_EQ(log.rows.size(), 101U);
  EXPECT_EQ(log.column("_step").back(), "100");
  EXPECT_EQ(log.exits, std::vector<int64_t>{0});
}

TEST_F(WandbLoggerTest, AVanishedFolderIsBegunAnew) {
  WandbLogger logger(options());
  logger.log_metrics({{"a", 1}}, 0);
  logger.flush();
  const auto path = logger.log_path();
  std::filesystem::remove_all(path.parent_path());
  logger.log_metrics({{"a", 2}}, 1);
  logger.flush();
  logger.log_metrics({{"a", 3}}, 2);
  logger.log_image("b", at::zeros({2, 2}), 2);
  logger.finish();
  EXPECT_EQ(log_.count("has vanished"), 1);
  const WandbLog log(path);
  EXPECT_EQ(log.run_id, logger.version());
  EXPECT_EQ(log.starting_step, 2);
  EXPECT_EQ(log.column("_step"), (Texts{"2", "3"}));
  EXPECT_EQ(log.exits, std::vector<int64_t>{0});
}

TEST_F(WandbLoggerTest, ARunThatAnotherProcessWritesIsNotGoneOnWith) {
  WandbLogger logger(options());
  logger.log_metrics({{"a", 1}}, 0);
  const State state = logger.state();
  const std::string before = read_file(logger.log_path());
  WandbLogger again(options());
  EXPECT_FALSE(again.resume(state));
  again.log_metrics({{"a", 2}}, 1);
  again.flush();
  EXPECT_NE(again.log_path(), logger.log_path());
  EXPECT_EQ(read_file(logger.log_path()), before);
  EXPECT_EQ(log_.count("another process writes to"), 1);
}

TEST_F(WandbLoggerTest, AForkedProcessWritesNothing) {
  auto logger = std::make_unique<WandbLogger>(options());
  logger->log_metrics({{"a", 1}}, 0);
  logger->flush();
  const auto path = logger->log_path();
  const pid_t child = ::fork();
  if (child == 0) {
    logger->log_metrics({{"a", 2}}, 1);
    logger->finalize(LoggerStatus::kFailed);
    logger.reset();
    ::_exit(0);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  logger->log_metrics({{"a", 3}}, 1);
  logger.reset();
  EXPECT_EQ(WandbLog(path).column("a"), (Texts{"1", "3"}));
}

// -- uploading ---------------------------------------------------------------

class WandbUploadTest : public WandbLoggerTest {
 protected:
  // A stand-in for W&B's tool.
  std::string tool(const std::string& script) const {
    const auto path = dir_.path() / "tool";
    write_file(path, "#!/bin/sh\n" + script + "\n");
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path.string();
  }

  const std::string key_ = std::string(40, 'k');
  WithEnvironment api_key_{"WANDB_API_KEY", key_.c_str()};
};

TEST_F(WandbUploadTest, TheToolGetsTheKeyThroughTheEnvironmentAlone) {
  const std::string out = (dir_.path() / "seen").string();
  const WithEnvironment id("WANDB_RUN_ID", "run1");
  WandbLogger logger(
      {.save_dir = dir_.path(),
       .command = tool("for folder; do :; done\n"
                       "{ echo \"$@\"; env; } > " +
                       out + "\n: > $folder/run-run1.wandb.synced")});
  logger.log_metrics({{"a", 1}}, 0);
  const auto folder = logger.log_path().parent_path();
  EXPECT_TRUE(folder.filename().string().starts_with("run-"));
  logger.finish();
  const std::string seen = read_file(out);
  const std::string args = seen.substr(0, seen.find('\n'));
  EXPECT_EQ(args, "beta sync --live --no-skip-online " + folder.string());
  EXPECT_NE(seen.find("WANDB_API_KEY=" + key_), std::string::npos);
  EXPECT_EQ(seen.find("WANDB_RUN_ID="), std::string::npos);
  EXPECT_EQ(log_.count("to upload it"), 0);
}

TEST_F(WandbUploadTest, AToolThatFailsIsStartedAgainAndThenLeft) {
  WandbLogger logger(options("x"));
  logger.start();
  const std::string out = (dir_.path() / "runs").string();
  detail::wandb::Uploader uploader(
      tool("echo run >> " + out + "; exit 3"),
      {.path = logger.log_path().parent_path(), .id = "x"},
      {.restarts = 2, .pause = std::chrono::milliseconds(1)});
  EXPECT_FALSE(uploader.finish(std::chrono::nanoseconds::max()));
  EXPECT_EQ(read_file(out), "run\nrun\nrun\n");
  EXPECT_EQ(log_.count("exit code 3"), 1);
}

TEST_F(WandbUploadTest, AToolThatHangsIsEnded) {
  WandbLogger logger(
      {.save_dir = dir_.path(),
       .command = tool("trap '' TERM\nwhile :; do sleep 1000; done"),
       .finish_timeout = std::chrono::milliseconds(1)});
  logger.log_metrics({{"a", 1}}, 0);
  const auto folder = logger.log_path().parent_path();
  logger.finish();
  EXPECT_EQ(log_.count("to upload it: wandb sync --include-online " +
                       folder.string()),
            1);
}

TEST_F(WandbUploadTest, WithoutAToolTheRunIsAnOfflineOne) {
  WandbLogger logger({.save_dir = dir_.path(), .command = "no-such-tool"});
  logger.log_metrics({{"a", 1}}, 0);
  EXPECT_TRUE(logger.log_path().parent_path().filename().string().starts_with(
      "offline-run-"));
  logger.finish();
  EXPECT_EQ(log_.count("pip install wandb"), 1);
  EXPECT_EQ(log_.count("wandb sync /"), 1);
}

}  // namespace
}  // namespace bolt
