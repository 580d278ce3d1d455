#include "support/full_disk.h"

#include <gtest/gtest.h>
#include <torchbolt/core/files.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "loggers/wandb/run_dir.h"
#include "support/errors.h"
#include "support/event_file.h"
#include "support/log_capture.h"
#include "support/models.h"
#include "support/temp_dir.h"

namespace bolt {
namespace {

using testing::TempDir;

TrainerOptions logging_to(const LoggerOption& logger) {
  TrainerOptions options =
      testing::quiet({.max_epochs = 40, .log_every_n_steps = 1});
  options.logger = logger;
  return options;
}

// 160 rows don't fit.
constexpr rlim_t kBytes = 2000;

TEST(FullDisk, TrainingEndsNormallyAndFilesAreWhole) {
  const testing::LogCapture log;
  const TempDir dir;
  const auto in = [&](const char* name) {
    return dir.path() / name / "version_0";
  };
  {
    testing::FullDisk full(kBytes);
    testing::Line model;
    Trainer trainer(logging_to(
        {WandbLogger({.save_dir = dir.path(), .offline = true}),
         TensorBoardLogger({.save_dir = dir.path(), .name = "board"}),
         CSVLogger({.save_dir = dir.path(),
                    .name = "csv",
                    .flush_logs_every_n_steps = 1}),
         JSONLLogger({.save_dir = dir.path(), .name = "jsonl"})}));
    trainer.fit(model, testing::line_batches(4));
    EXPECT_EQ(trainer.current_epoch(), 40);
  }
  for (const char* who : {"TensorBoardLogger", "CSVLogger", "JSONLLogger"}) {
    // What is wrong, and at the end how much is missing.
    EXPECT_EQ(log.count(std::string("[") + who + "] [" + dir.path().string()),
              1);
    EXPECT_EQ(log.count(std::string("[") + who + "]"), 2);
  }
  EXPECT_EQ(log.count("[WandbLogger] [" + dir.path().string()), 1);
  EXPECT_EQ(log.count("[WandbLogger]"), 3);  // and how to upload the rest
  EXPECT_EQ(log.count(".wandb are not written"), 1);
  const auto wandb = dir.path() / "wandb" / "latest-run";
  for (const auto& file : std::filesystem::directory_iterator(wandb)) {
    if (file.path().extension() != ".wandb") continue;
    EXPECT_EQ(detail::wandb::read_log(file.path()).size, file.file_size());
  }
  const std::string csv = read_file(in("csv") / "metrics.csv");
  EXPECT_TRUE(csv.starts_with("epoch,loss,step\n") && csv.ends_with('\n'));
  const std::string lines = read_file(in("jsonl") / "metrics.jsonl");
  EXPECT_TRUE(lines.empty() || lines.ends_with('\n'));
  const std::string events = read_file(testing::event_files(in("board"))[0]);
  EXPECT_EQ(detail::read_tfrecords(events).bytes, events.size());
}

TEST(FullDisk, AStrictLoggerEndsTheRun) {
  const testing::LogCapture log;
  const TempDir dir;
  testing::FullDisk full(kBytes);
  testing::Line model;
  Trainer trainer(logging_to(
      JSONLLogger({.save_dir = dir.path(), .name = "jsonl", .strict = true})));
  EXPECT_TRUE(testing::has(testing::message_of<Error>([&] {
                             trainer.fit(model, testing::line_batches(40));
                           }),
                           {"metrics.jsonl", "can't write"}));
}

TEST(FullDisk, ManyFilesAreNotAsManyMessages) {
  const testing::LogCapture log;
  const TempDir dir;
  JSONLLogger lines({.save_dir = dir.path(), .name = "jsonl"});
  testing::FullDisk full(0);
  for (int64_t step = 0; step < 100; ++step) {
    lines.log_figure("plot", {.bytes = "<svg/>", .format = "svg"}, step);
  }
  lines.finalize(LoggerStatus::kSuccess);
  EXPECT_LT(log.count("[JSONLLogger]"), 10);
  EXPECT_EQ(log.count("100 of what was logged are lost"), 1);
}

TEST(FullDisk, WithoutAnyRoomNoFilesPileUp) {
  const testing::LogCapture log;
  const TempDir dir;
  TensorBoardLogger board({.save_dir = dir.path(), .name = "board"});
  testing::FullDisk full(0);
  for (int64_t step = 0; step < 10; ++step) {
    board.log_metrics({{"loss", 1}}, step);
    board.flush();
  }
  EXPECT_EQ(testing::event_files(*board.log_dir()).size(), 1u);
  full.end();
  board.finalize(LoggerStatus::kSuccess);
  EXPECT_EQ(testing::scalars(*board.log_dir(), "loss").size(), 10u);
}

TEST(FullDisk, WhatWaitedIsThereOnceThereIsRoom) {
  const testing::LogCapture log;
  const TempDir dir;
  CSVLogger csv({.save_dir = dir.path(), .name = "csv"});
  TensorBoardLogger board({.save_dir = dir.path(), .name = "board"});
  for (Logger* logger : std::initializer_list<Logger*>{&csv, &board}) {
    testing::FullDisk full(100);
    for (int64_t step = 0; step < 100; ++step) {
      logger->log_metrics({{"loss", 1}}, step);
    }
    logger->flush();
    full.end();
    logger->log_metrics({{"loss", 1}}, 100);
    logger->finalize(LoggerStatus::kSuccess);
  }
  EXPECT_EQ(std::ranges::count(read_file(csv.metrics_path()), '\n'), 102);
  EXPECT_EQ(testing::scalars(*board.log_dir(), "loss").size(), 101u);
}

}  // namespace
}  // namespace bolt
