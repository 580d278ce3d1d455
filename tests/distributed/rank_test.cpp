#include <gtest/gtest.h>
#include <torch/torch.h>
#include <torchbolt/torchbolt.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "support/environment.h"
#include "support/errors.h"
#include "support/log_capture.h"
#include "support/models.h"
#include "support/row_logger.h"
#include "support/temp_dir.h"
#include "support/threads.h"

namespace bolt {
namespace {

namespace fs = std::filesystem;
using testing::has;
using testing::message_of;
using testing::WithEnvironment;

class Rank : public ::testing::Test {
 protected:
  std::vector<std::shared_ptr<Logger>> make_loggers() const {
    return {std::make_shared<TensorBoardLogger>(
                TensorBoardLoggerOptions{.save_dir = dir_.path()}),
            std::make_shared<CSVLogger>(
                CSVLoggerOptions{.save_dir = dir_.path(), .name = "csv"}),
            std::make_shared<JSONLLogger>(
                JSONLLoggerOptions{.save_dir = dir_.path(), .name = "jsonl"}),
            // Nobody answers there.
            std::make_shared<MLflowLogger>(MLflowLoggerOptions{
                .experiment_name = "mlflow",
                .tracking_uri = "http://127.0.0.1:9",
                .save_dir = dir_.path(),
                .log_model = true,
                .finalize_timeout = std::chrono::milliseconds(0)}),
            std::make_shared<WandbLogger>(WandbLoggerOptions{
                .save_dir = dir_.path(), .offline = true, .log_model = true})};
  }
  TrainerOptions options(std::vector<std::shared_ptr<Logger>> loggers) const {
    auto options = testing::quiet({.max_epochs = 1,
                                   .log_every_n_steps = 1,
                                   .enable_checkpointing = true});
    options.logger = std::vector<LoggerHandle>(loggers.begin(), loggers.end());
    options.default_root_dir = dir_.path();
    return options;
  }
  // Paths and sizes.
  std::vector<std::string> files() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(dir_.path())) {
      const std::string size =
          entry.is_regular_file() ? std::to_string(entry.file_size()) : "";
      found.push_back(entry.path().string() + " " + size);
    }
    std::ranges::sort(found);
    return found;
  }

  // What the tests themselves were started with.
  WithEnvironment rank_{"RANK", nullptr};
  WithEnvironment local_{"LOCAL_RANK", nullptr};
  WithEnvironment slurm_{"SLURM_PROCID", nullptr};
  WithEnvironment lsf_{"JSM_NAMESPACE_RANK", nullptr};
  testing::TempDir dir_{};
};

TEST_F(Rank, IsTheFirstVariableThatIsSet) {
  EXPECT_EQ(process_rank(), 0);
  const WithEnvironment lsf("JSM_NAMESPACE_RANK", "4");
  EXPECT_EQ(process_rank(), 4);
  const WithEnvironment slurm("SLURM_PROCID", "3");
  EXPECT_EQ(process_rank(), 3);
  const WithEnvironment local("LOCAL_RANK", "2");
  EXPECT_EQ(process_rank(), 2);
  const WithEnvironment rank("RANK", "11");
  EXPECT_EQ(process_rank(), 11);
  const WithEnvironment empty("RANK", "");
  EXPECT_EQ(process_rank(), 2);
}

TEST_F(Rank, WhatIsNoRankIsRefused) {
  for (const char* text : {"one", "-1", "1.5", "2 ", "99999999999999999999"}) {
    const WithEnvironment rank("RANK", text);
    EXPECT_TRUE(has(message_of<ConfigError>([] { process_rank(); }),
                    {"RANK", text, "a whole number"}));
    EXPECT_THROW(CSVLogger(), ConfigError);
  }
}

// All calls that there are, in a folder in which rank 0 has logged.
TEST_F(Rank, LoggersOfOtherRanksWriteNothing) {
  const testing::LogCapture log;
  std::vector<State> states;
  for (const auto& logger : make_loggers()) {
    logger->log_metrics({{"loss", 0.5}}, 0);
    states.push_back(logger->state());
    logger->finalize(LoggerStatus::kSuccess);
  }
  const auto before = files();
  const auto threads = testing::threads_before();
  EXPECT_EQ(log.count("rank"), 0);

  const WithEnvironment rank("RANK", "1");
  const auto all = make_loggers();
  // Once a logger is made, it is of that rank.
  const WithEnvironment later("RANK", "0");
  for (std::size_t k = 0; k < all.size(); ++k) {
    Logger& logger = *all[k];
    logger.set_default_root(dir_.path());
    EXPECT_FALSE(logger.resume(states[k])) << k;
    logger.start();
    logger.log_hyperparams(State::map({{"lr", 0.1}}));
    testing::Line model;
    logger.log_graph(model);
    logger.log_metrics({{"loss", 0.5}}, 0);
    logger.log_histogram("h", histogram_of(torch::rand({10})), 0);
    logger.log_image("image", torch::rand({1, 4, 4}), 0);
    logger.log_text("text", "text", 0);
    logger.log_table("table", Table({{"n", torch::tensor({1.0})}}), 0);
    logger.save();
    logger.flush();
    (void)logger.state();
    logger.finalize(LoggerStatus::kSuccess);
    EXPECT_EQ(testing::threads(), threads) << k;
  }
  auto& board = dynamic_cast<TensorBoardLogger&>(*all[0]);
  board.log_hyperparams(State::map({{"lr", 0.1}}), {{"loss", 1}});
  board.log_pr_curve("pr", torch::ones({2}), torch::ones({2}), 0);
  board.log_layout({{.title = "t"}});
  board.log_embedding("e", torch::rand({2, 2}), 0);
  auto& mlflow = dynamic_cast<MLflowLogger&>(*all[3]);
  mlflow.log_tag("tag", "value");
  mlflow.log_artifact(dir_.path() / "no such file");
  EXPECT_FALSE(mlflow.run_id(std::chrono::hours(1)));  // at once
  auto& wandb = dynamic_cast<WandbLogger&>(*all[4]);
  wandb.log_output("text\n");
  wandb.finish();
  EXPECT_TRUE(wandb.log_path().empty());
  EXPECT_EQ(files(), before);
  EXPECT_EQ(testing::threads(), threads);
}

TEST_F(Rank, ATrainerOfAnotherRankCallsNoLogger) {
  const WithEnvironment rank("RANK", "2");
  const auto rows = std::make_shared<testing::RowLogger>();
  auto all = make_loggers();
  all.push_back(rows);
  auto run = options(all);
  run.callbacks = {HistogramMonitor({.every_n_steps = 1}),
                   LearningRateMonitor(),
                   DeviceStatsMonitor({.cpu_stats = true})};
  testing::Line model;
  Trainer trainer(run);
  trainer.fit(model, testing::line_batches(4));
  trainer.test(model, testing::line_batches(2));
  EXPECT_EQ(trainer.global_step(), 4);
  EXPECT_TRUE(trainer.callback_metrics().contains("test_loss"));
  EXPECT_EQ(trainer.loggers().size(), all.size());
  EXPECT_TRUE(rows->rows.empty());
  // Its checkpoints come between nobody else's.
  const auto own = dir_.path() / "rank_2";
  EXPECT_EQ(trainer.log_dir(), own / "version_0");
  EXPECT_EQ(testing::names_in(dir_.path()), std::vector<std::string>{"rank_2"});
  const auto file = own / "version_0/checkpoints/epoch=0-step=4.ckpt";
  EXPECT_EQ(files(),
            (std::vector<std::string>{
                own.string() + " ", (own / "version_0").string() + " ",
                (own / "version_0/checkpoints").string() + " ",
                file.string() + " " + std::to_string(fs::file_size(file))}));
}

// A checkpoint that rank 0 wrote: others find its loggers' places in it.
TEST_F(Rank, OtherRanksGoOnWithoutTheLoggersOfACheckpoint) {
  testing::Line model;
  const auto file = dir_.path() / "file.ckpt";
  {
    Trainer trainer(options(make_loggers()));
    trainer.fit(model, testing::line_batches(4));
    trainer.save_checkpoint(file);
  }
  const auto before = files();
  const WithEnvironment rank("RANK", "1");
  auto more = options(make_loggers());
  more.max_epochs = 2;
  more.enable_checkpointing = false;
  Trainer trainer(more);
  trainer.fit(model, testing::line_batches(4), {},
              FitOptions{.ckpt_path = file.string()});
  EXPECT_EQ(trainer.current_epoch(), 2);
  EXPECT_EQ(files(), before);
}

}  // namespace
}  // namespace bolt
