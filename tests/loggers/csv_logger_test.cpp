#include <gtest/gtest.h>
#include <torchbolt/core/files.h>
#include <torchbolt/loggers/csv_logger.h>
#include <unistd.h>

#include <filesystem>

#include "support/errors.h"
#include "support/log_capture.h"
#include "support/models.h"
#include "support/temp_dir.h"
#include "support/without_privileges.h"

namespace bolt {
namespace {

namespace fs = std::filesystem;
using testing::TempDir;

TEST(CSVLogger, NewColumnsKeepTheRowsSoFar) {
  const TempDir dir;
  CSVLogger logger({.save_dir = dir.path(), .name = "run"});
  logger.start();
  logger.log_metrics({{"b", 0.1}}, 0);
  logger.log_metrics({{"b", 1.0 / 3}}, 1);
  logger.log_metrics({{"a,x", 2}, {"epoch", 0}}, 2);
  logger.log_metrics({{"b", std::nan("")}}, 3);
  logger.flush();
  EXPECT_EQ(read_file(dir.path() / "run" / "version_0" / "metrics.csv"),
            "\"a,x\",b,epoch,step\n"
            ",0.1,,0\n"
            ",0.3333333333333333,,1\n"
            "2,,0,2\n"
            ",nan,,3\n");
}

TEST(CSVLogger, HostileNamesStayInTheirFields) {
  const TempDir dir;
  CSVLogger logger({.save_dir = dir.path()});
  logger.log_metrics({{"", 7}, {"a\nb", 1}, {"q\"", 2}}, 0);
  logger.log_metrics({{"new", 3}}, 1);
  logger.flush();
  EXPECT_EQ(read_file(logger.metrics_path()),
            ",\"a\nb\",new,\"q\"\"\",step\n7,1,,2,0\n,,3,,1\n");
}

TEST(CSVLogger, AVanishedFileIsBegunAnew) {
  const testing::LogCapture log;
  const TempDir dir;
  CSVLogger logger({.save_dir = dir.path()});
  logger.log_metrics({{"a", 1}}, 0);
  logger.flush();
  std::filesystem::remove_all(*logger.log_dir());
  logger.log_metrics({{"a", 2}}, 1);
  logger.flush();
  logger.log_metrics({{"a", 3}}, 2);
  logger.flush();
  EXPECT_EQ(log.count("has vanished"), 1);
  EXPECT_EQ(read_file(logger.metrics_path()), "a,step\n2,1\n3,2\n");
}

TEST(CSVLogger, TwoThatAskedForTheSameVersionGetTwo) {
  const TempDir dir;
  CSVLogger a({.save_dir = dir.path()});
  CSVLogger b({.save_dir = dir.path()});
  EXPECT_EQ(a.log_dir(), b.log_dir());
  a.start();
  b.start();
  EXPECT_NE(a.log_dir(), b.log_dir());
}

TEST(CSVLogger, TheStepIsNotAMetrics) {
  const testing::TempDir folder;
  CSVLogger logger({.save_dir = folder.path()});
  logger.log_metrics({{"step", 77}, {"a", 1}}, 3);
  logger.flush();
  EXPECT_EQ(read_file(logger.metrics_path()), "a,step\n1,3\n");
}

TEST(CSVLogger, TakesTheNextFreeVersion) {
  const TempDir dir;
  for (const char* taken : {"version_2", "version_10", "version_x", "other"}) {
    make_directories(dir.path() / "run" / taken);
  }
  CSVLogger logger({.save_dir = dir.path(), .name = "run"});
  EXPECT_EQ(logger.version(), "version_11");
  EXPECT_EQ(CSVLogger({.save_dir = dir.path(), .version = "mine"}).version(),
            "mine");
}

TEST(CSVLogger, ReplacesAnOldFileAndSaysSo) {
  const TempDir dir;
  const testing::LogCapture log;
  const CSVLoggerOptions options{.save_dir = dir.path(), .version = 0};
  {
    CSVLogger first(options);
    first.log_metrics({{"x", 1}}, 0);
  }
  CSVLogger second(options);
  second.log_metrics({{"y", 1}}, 5);
  second.flush();
  EXPECT_EQ(read_file(second.metrics_path()), "step,y\n5,1\n");
  EXPECT_EQ(log.count("is not empty"), 1);
}

TEST(CSVLogger, WritesHyperparametersAsYaml) {
  const TempDir dir;
  CSVLogger logger({.save_dir = dir.path(), .name = "", .version = "v"});
  logger.log_hyperparams(State::map(
      {{"learning_rate", 1e-5},
       {"no", true},
       {"name", "a: \"b\"\n"},
       {"layers", State::list({1, State::map({{"hidden_size", 2}})})},
       {"empty", State::list()},
       {"nothing", State()}}));
  logger.flush();
  EXPECT_EQ(read_file(dir.path() / "v" / "hparams.yaml"),
            "learning_rate: 1.0e-05\n"
            "\"no\": true\n"
            "\"name\": \"a: \\\"b\\\"\\n\"\n"
            "layers:\n"
            "  - 1\n"
            "  -\n"
            "    hidden_size: 2\n"
            "\"empty\": []\n"
            "nothing: null\n");
}

// Characters that YAML's readers refuse, or take for the end of a line.
TEST(CSVLogger, AnyTextIsYaml) {
  const TempDir dir;
  CSVLogger logger({.save_dir = dir.path(), .name = "", .version = "v"});
  logger.log_hyperparams(State::map(
      {{"a", "\x7f \r \xc2\x85 \xe2\x80\xa8 \xef\xbf\xbf \xff \xc3\xa4"}}));
  logger.flush();
  EXPECT_EQ(
      read_file(dir.path() / "v" / "hparams.yaml"),
      "\"a\": \"\\x7f \\x0d \\x85 \\u2028 \\uffff \xef\xbf\xbd \xc3\xa4\"\n");
}

TEST(CSVLogger, HoldsWhatATrainerLogs) {
  const TempDir dir;
  testing::Line model;
  model.save_hyperparameters({{"learning_rate", 0.1}});
  TrainerOptions options =
      testing::quiet({.max_epochs = 2, .log_every_n_steps = 2});
  options.logger = CSVLogger({.save_dir = dir.path(), .name = "run"});
  Trainer trainer(options);
  const auto batches = testing::line_batches(4);
  trainer.fit(model, batches, batches);
  EXPECT_EQ(trainer.log_dir(), dir.path() / "run" / "version_0");
  const std::string csv = read_file(trainer.log_dir() / "metrics.csv");
  EXPECT_EQ(csv.substr(0, csv.find('\n')), "epoch,loss,step,val_loss");
  EXPECT_EQ(std::ranges::count(csv, '\n'), 1 + 2 * (2 + 1));
  EXPECT_EQ(read_file(trainer.log_dir() / "hparams.yaml"),
            "learning_rate: 0.1\n");
}

TEST(CSVLogger, ARowThatWasBegunByAKilledProcessGoes) {
  const TempDir dir;
  const CSVLoggerOptions options{.save_dir = dir.path(), .version = 0};
  State state;
  {
    CSVLogger first(options);
    first.log_metrics({{"a", 1}}, 0);
    state = first.state();
    first.log_metrics({{"a", 2}}, 1);
  }
  const auto path = CSVLogger(options).metrics_path();
  write_atomic(path, read_file(path) + "3");
  CSVLogger second(options);
  ASSERT_TRUE(second.resume(state));
  second.log_metrics({{"b", 4}}, 1);
  second.flush();
  EXPECT_EQ(read_file(path), "a,b,step\n1,,0\n,4,1\n");
}

TEST(CSVLogger, RefusesNamesThatNoFolderCanHave) {
  const std::string name("a\0b", 3);
  EXPECT_TRUE(testing::has(
      testing::message_of<ConfigError>([&] { CSVLogger({.name = name}); }),
      {"zero byte"}));
  EXPECT_TRUE(testing::has(
      testing::message_of<ConfigError>([&] { CSVLogger({.version = name}); }),
      {"zero byte"}));
}

// Runs can't be numbered where they can't be listed; it tried for ever.
TEST(CSVLogger, SaysWhenTheRunsCantBeListed) {
  const TempDir dir;
  const fs::path runs = dir.path() / "runs";
  fs::create_directories(runs / "version_0");
  fs::permissions(dir.path(), fs::perms::all);
  fs::permissions(runs, fs::perms::owner_write | fs::perms::owner_exec |
                            fs::perms::others_write | fs::perms::others_exec);
  {
    // What root may list isn't limited.
    const testing::WithoutPrivileges nobody;
    if (!nobody.holds()) GTEST_SKIP() << "root may list every folder";
    const std::string message = testing::message_of<Error>([&] {
      CSVLogger logger({.save_dir = dir.path(), .name = "runs"});
      logger.log_metrics({{"a", 1}}, 0);
      logger.flush();
    });
    EXPECT_TRUE(testing::has(message, {"can't list", runs.c_str()}));
  }
  fs::permissions(runs, fs::perms::all);
}

TEST(CSVLogger, ErrorsNameTheFolder) {
  CSVLogger logger({.save_dir = "/proc/nothing"});
  EXPECT_TRUE(testing::has(testing::message_of<Error>([&] { logger.start(); }),
                           {"/proc/nothing"}));
}

}  // namespace
}  // namespace bolt
