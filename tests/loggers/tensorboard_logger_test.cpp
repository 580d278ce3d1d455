#include <gtest/gtest.h>
#include <stdlib.h>
#include <torchbolt/core/files.h>
#include <torchbolt/data/table.h>
#include <torchbolt/loggers/tensorboard_logger.h>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "loggers/file_run.h"
#include "support/errors.h"
#include "support/event_file.h"
#include "support/log_capture.h"
#include "support/models.h"
#include "support/temp_dir.h"

namespace bolt {
namespace {

using testing::Event;
using testing::event_files;
using testing::read_events;
using testing::scalars;
using testing::TempDir;

using Points = std::vector<std::pair<int64_t, float>>;

TensorBoardLogger logger_in(const TempDir& dir) {
  return TensorBoardLogger(
      {.save_dir = dir.path(), .name = "", .version = "v"});
}

TEST(TensorBoardLogger, AFileBeginsWithItsVersionAndASession) {
  const TempDir dir;
  auto logger = logger_in(dir);
  logger.log_metrics({{"b", 0.1}, {"a", std::nan("")}}, 7);
  logger.flush();
  const auto events = read_events(dir.path() / "v");
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].version, "brain.Event:2");
  EXPECT_EQ(events[0].writer, "torchbolt.events");
  EXPECT_EQ(events[1].session, 1);
  EXPECT_EQ(events[1].step, 0);
  EXPECT_EQ(events[2].step, 7);
  EXPECT_GT(events[2].wall_time, 1.6e9);
  EXPECT_EQ(events[2].scalars.at("b"), 0.1f);
  EXPECT_TRUE(std::isnan(events[2].scalars.at("a")));
}

TEST(TensorBoardLogger, FoldersAreLightnings) {
  const TempDir dir;
  ::setenv("TORCHBOLT_TEST_DIR", dir.path().c_str(), 1);
  const TensorBoardLogger logger(
      {.save_dir = "${TORCHBOLT_TEST_DIR}/$TORCHBOLT_UNSET/x",
       .version = 3,
       .sub_dir = "sub"});
  EXPECT_EQ(*logger.log_dir(), dir.path() / "$TORCHBOLT_UNSET/x" /
                                   "lightning_logs" / "version_3" / "sub");
  TensorBoardLogger first({.save_dir = dir.path(), .prefix = "p"});
  TensorBoardLogger second({.save_dir = dir.path()});
  first.log_metrics({{"loss", 1}}, 0);
  second.log_metrics({{"loss", 2}}, 0);
  first.flush();
  second.flush();
  EXPECT_EQ(scalars(dir.path() / "lightning_logs/version_0", "p-loss"),
            (Points{{0, 1}}));
  EXPECT_EQ(scalars(dir.path() / "lightning_logs/version_1", "loss"),
            (Points{{0, 2}}));
}

TEST(TensorBoardLogger, ARunThatGoesOnHasEachStepOnce) {
  const TempDir dir;
  State state;
  {
    auto first = logger_in(dir);
    for (int64_t step = 0; step < 100; ++step) {
      if (step == 80) state = first.state();
      first.log_metrics({{"loss", double(step)}}, step);
    }
    first.finalize(LoggerStatus::kFailed);
  }
  auto second = logger_in(dir);
  ASSERT_TRUE(second.resume(state));
  second.start();
  second.finalize(LoggerStatus::kFailed);
  // It failed before it had something to write: nothing is lost.
  EXPECT_EQ(scalars(dir.path() / "v", "loss").size(), 100u);
  for (int64_t step = 80; step < 120; ++step) {
    second.log_metrics({{"loss", double(step)}}, step);
  }
  second.flush();
  const auto points = scalars(dir.path() / "v", "loss");
  ASSERT_EQ(points.size(), 120u);
  for (int64_t step = 0; step < 120; ++step) {
    EXPECT_EQ(points[static_cast<std::size_t>(step)],
              std::pair(step, float(step)));
  }
  // A server that has read the steps already forgets them by this.
  const std::string bytes = read_file(event_files(dir.path() / "v")[1]);
  const Event start =
      testing::read_event(detail::read_tfrecords(bytes).contents[1]);
  EXPECT_EQ(start.session, 1);
  EXPECT_EQ(start.step, 80);
}

TEST(TensorBoardLogger, GoingOnAgainTakesOutTheFilesBehindToo) {
  const TempDir dir;
  State state;
  {
    auto first = logger_in(dir);
    first.log_metrics({{"loss", 0}}, 0);
    state = first.state();
  }
  for (int run = 0; run < 3; ++run) {
    auto again = logger_in(dir);
    ASSERT_TRUE(again.resume(state));
    again.log_metrics({{"loss", 1.0 + run}}, 1);
  }
  write_atomic(dir.path() / "v" / "events.out.tfevents.9999999990.other",
               "of another program");
  auto last = logger_in(dir);
  ASSERT_TRUE(last.resume(state));
  last.log_metrics({{"loss", 9}}, 1);
  last.flush();
  EXPECT_EQ(scalars(dir.path() / "v", "loss"), (Points{{0, 0}, {1, 9}}));
  EXPECT_EQ(event_files(dir.path() / "v").size(), 3u);
}

TEST(TensorBoardLogger, WhatTheCheckpointToldOfIsThereAlready) {
  const TempDir dir;
  auto logger = logger_in(dir);
  logger.log_metrics({{"loss", 5}}, 3);
  logger.state();
  EXPECT_EQ(scalars(dir.path() / "v", "loss"), (Points{{3, 5}}));
}

TEST(TensorBoardLogger, AnotherRunInTheFolderStays) {
  const TempDir dir;
  for (int run = 0; run < 2; ++run) {
    auto logger = logger_in(dir);
    logger.log_metrics({{"loss", double(run)}}, 0);
  }
  EXPECT_EQ(scalars(dir.path() / "v", "loss"), (Points{{0, 0}, {0, 1}}));
  int sessions = 0;
  for (const Event& event : read_events(dir.path() / "v")) {
    sessions += event.session ? 1 : 0;
  }
  EXPECT_EQ(sessions, 1);  // a second one would hide the first run's steps
  EXPECT_FALSE(logger_in(dir).resume(State::map({{"save_dir", "elsewhere"},
                                                 {"name", ""},
                                                 {"version", "v"},
                                                 {"position", State::map()}})));
}

TEST(TensorBoardLogger, AnotherRunInTheFolderStaysWhenThisOneGoesOn) {
  const TempDir dir;
  {
    auto another = logger_in(dir);
    another.log_metrics({{"loss", 1}}, 0);
  }
  State state;
  {
    auto first = logger_in(dir);
    first.start();
    state = first.state();  // nothing was logged yet
    first.log_metrics({{"loss", 2}}, 1);
  }
  auto again = logger_in(dir);
  ASSERT_TRUE(again.resume(state));
  again.log_metrics({{"loss", 3}}, 1);
  again.flush();
  EXPECT_EQ(scalars(dir.path() / "v", "loss"), (Points{{0, 1}, {1, 3}}));
}

TEST(TensorBoardLogger, TwoThatWriteAtATimeHaveAFileEach) {
  const TempDir dir;
  auto one = logger_in(dir);
  auto two = logger_in(dir);
  for (int64_t step = 0; step < 100; ++step) {
    one.log_metrics({{"one", 1}}, step);
    two.log_metrics({{"two", 2}}, step);
  }
  one.flush();
  two.flush();
  EXPECT_EQ(event_files(dir.path() / "v").size(), 2u);
  EXPECT_EQ(scalars(dir.path() / "v", "one").size(), 100u);
  EXPECT_EQ(scalars(dir.path() / "v", "two").size(), 100u);
}

// Readers refuse all that stands in a file with one wrong byte.
TEST(TensorBoardLogger, WhatIsNoUtf8IsReplaced) {
  const TempDir dir;
  auto logger = logger_in(dir);
  const std::string odd = "odd text\xff";
  logger.log_metrics({{odd, 1}}, 0);
  logger.log_hyperparams(State::map({{odd, odd}}), {{odd, 1}});
  logger.log_text(odd, odd, 0);
  logger.log_table(odd, Table({{odd, std::vector<std::string>{odd}}}), 0);
  logger.log_layout(
      {{.title = odd, .charts = {{.title = odd, .tags = {odd}}}}});
  logger.flush();
  int replaced = 0;
  for (const auto& path : event_files(dir.path() / "v")) {
    const std::string bytes = read_file(path);
    for (const auto record : detail::read_tfrecords(bytes).contents) {
      EXPECT_EQ(record.find(odd), std::string_view::npos);
      replaced += record.find("odd text\xef\xbf\xbd") != record.npos ? 1 : 0;
    }
  }
  EXPECT_EQ(replaced, 5);
}

TEST(TensorBoardLogger, EmbeddingsOfSimilarNamesHavePlacesOfTheirOwn) {
  const TempDir dir;
  auto logger = logger_in(dir);
  for (const char* name : {"a/b", "a_b", "a b", "a\u00e4b"}) {
    logger.log_embedding(name, torch::ones({2, 2}), 0);
  }
  logger.flush();
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(
           dir.path() / "v" / "00000")) {
    files += entry.path().filename() == "tensors.tsv" ? 1 : 0;
  }
  EXPECT_EQ(files, 4);
}

TEST(TensorBoardLogger, HyperparametersComeOnceWithTheirMetricsAndTheEnd) {
  const TempDir dir;
  const State params = State::map(
      {{"lr", 0.5}, {"net", State::map({{"sizes", State::list({1, 2})}})}});
  State state;
  {
    auto logger = logger_in(dir);
    logger.log_hyperparams(params);
    logger.log_metrics({{"hp_metric", 0.25}}, 10);
    state = logger.state();
    logger.finalize(LoggerStatus::kFailed);
    const auto events = read_events(dir.path() / "v");
    EXPECT_EQ(events.back().values.count("_hparams_/session_end_info"), 1u);
  }
  auto logger = logger_in(dir);
  ASSERT_TRUE(logger.resume(state));
  logger.log_hyperparams(params);  // as the Trainer does, in each run
  const std::size_t before = read_events(dir.path() / "v").size();
  logger.finalize(LoggerStatus::kFailed);  // nothing came that was new
  EXPECT_EQ(read_events(dir.path() / "v").size(), before);
  logger.log_metrics({{"loss", 1}}, 11);
  logger.finalize(LoggerStatus::kSuccess);
  logger.finalize(LoggerStatus::kSuccess);
  EXPECT_EQ(scalars(dir.path() / "v", "hp_metric"),
            (Points{{0, -1}, {10, 0.25}}));
  std::map<std::string, int> count;
  for (const Event& event : read_events(dir.path() / "v")) {
    for (const auto& [tag, value] : event.values) ++count[tag];
    for (const auto& [tag, plugin] : event.plugins) {
      EXPECT_EQ(plugin, "hparams") << tag;
    }
  }
  EXPECT_EQ(count,
            (std::map<std::string, int>{{"_hparams_/experiment", 1},
                                        {"_hparams_/session_start_info", 1},
                                        {"_hparams_/session_end_info", 1}}));
  EXPECT_TRUE(testing::has(read_file(dir.path() / "v" / "hparams.yaml"),
                           {"lr", "0.5", "sizes"}));
}

TEST(TensorBoardLogger, WithoutAMetricHyperparametersAreInTheYamlAlone) {
  const TempDir dir;
  TensorBoardLogger logger({.save_dir = dir.path(),
                            .name = "",
                            .version = "v",
                            .default_hp_metric = false});
  logger.log_hyperparams(State::map({{"lr", 0.5}}));
  logger.flush();
  EXPECT_TRUE(event_files(dir.path() / "v").empty());
  EXPECT_TRUE(std::filesystem::exists(dir.path() / "v" / "hparams.yaml"));
}

TEST(TensorBoardLogger, ThePageOfATagIsSaidOnceAFile) {
  const TempDir dir;
  auto logger = logger_in(dir);
  logger.log_image("x", torch::zeros({3, 2, 2}), 0);
  logger.log_image("x", torch::zeros({2, 3, 2, 2}), 1);
  logger.log_text("note", "*a*", 0);
  logger.log_table("t", Table({{"n", torch::tensor({int64_t{1}})}}), 0);
  logger.log_pr_curve("pr", torch::ones({2}), torch::rand({2}), 0, 3);
  logger.log_histogram("h", histogram_of(torch::rand({10}), 4), 0);
  logger.flush();
  std::map<std::string, std::string> pages;
  int pictures = 0;
  for (const Event& event : read_events(dir.path() / "v")) {
    for (const auto& [tag, plugin] : event.plugins) {
      EXPECT_TRUE(pages.emplace(tag, plugin).second) << tag;
    }
    pictures += static_cast<int>(event.values.count("x"));
  }
  EXPECT_EQ(pictures, 2);
  EXPECT_EQ(pages, (std::map<std::string, std::string>{{"x", "images"},
                                                       {"note", "text"},
                                                       {"t", "text"},
                                                       {"pr", "pr_curves"}}));
}

TEST(TensorBoardLogger, APictureIsThatOfTheCall) {
  const TempDir dir;
  auto logger = logger_in(dir);
  auto image = torch::zeros({1, 2, 2}, torch::kByte);
  const std::string png = encode_png(image);
  logger.log_image("x", image, 0);
  image.fill_(255);
  logger.flush();
  bool found = false;
  for (const Event& event : read_events(dir.path() / "v")) {
    for (const auto& [tag, bytes] : event.values) {
      found = found || bytes.find(png) != std::string::npos;
    }
  }
  EXPECT_TRUE(found);
}

TEST(TensorBoardLogger, WhatIsNoPictureIsSaidAndTheRestIsThere) {
  const testing::LogCapture log;
  const TempDir dir;
  auto logger = logger_in(dir);
  logger.log_image("bad", torch::zeros({7, 2, 2}), 0);
  logger.log_metrics({{"loss", 1}}, 0);
  logger.finalize(LoggerStatus::kSuccess);
  EXPECT_EQ(log.count("log_image(bad)"), 1);
  EXPECT_EQ(scalars(dir.path() / "v", "loss"), (Points{{0, 1}}));
  EXPECT_TRUE(testing::has(testing::message_of<ConfigError>([&] {
                             logger.log_pr_curve("pr", torch::ones({2}),
                                                 torch::ones({3}), 0);
                           }),
                           {"log_pr_curve(pr)", "[2] and [3]"}));
  EXPECT_TRUE(testing::has(testing::message_of<ConfigError>([&] {
                             logger.log_embedding("e", torch::ones({2, 2}), 0,
                                                  {.labels = {"one"}});
                           }),
                           {"log_embedding(e)", "got 1", "expected 2"}));
}

TEST(TensorBoardLogger, AVanishedFileIsFollowedByAnother) {
  const testing::LogCapture log;
  const TempDir dir;
  auto logger = logger_in(dir);
  logger.log_metrics({{"loss", 1}}, 0);
  logger.flush();
  std::filesystem::remove_all(dir.path() / "v");
  logger.log_metrics({{"loss", 2}}, 1);
  logger.flush();
  logger.log_metrics({{"loss", 3}}, 2);
  logger.flush();
  EXPECT_EQ(log.count("has vanished"), 1);
  EXPECT_EQ(scalars(dir.path() / "v", "loss"), (Points{{2, 3}}));
}

TEST(TensorBoardLogger, AFolderThatCantBeIsSaidAtTheStart) {
  TensorBoardLogger logger({.save_dir = "/proc/nothing"});
  EXPECT_TRUE(testing::has(testing::message_of<Error>([&] { logger.start(); }),
                           {"/proc/nothing"}));
  logger.finalize(LoggerStatus::kFailed);
  EXPECT_THROW(logger.log_metrics({{"loss", 1}}, 0), Error);
}

TEST(TensorBoardLogger, IsTheDefaultLoggerOfATrainer) {
  const TempDir dir;
  testing::Line model;
  model.save_hyperparameters({{"learning_rate", 0.1}});
  TrainerOptions options =
      testing::quiet({.max_epochs = 2, .log_every_n_steps = 2});
  options.logger = true;
  options.default_root_dir = dir.path();
  Trainer trainer(options);
  const auto batches = testing::line_batches(4);
  trainer.fit(model, batches, batches);
  const auto folder = dir.path() / "lightning_logs" / "version_0";
  EXPECT_EQ(trainer.log_dir(), folder);
  std::vector<int64_t> steps;
  for (const auto& [step, value] : scalars(folder, "loss")) {
    steps.push_back(step);
  }
  EXPECT_EQ(steps, (std::vector<int64_t>{1, 3, 5, 7}));
  EXPECT_EQ(scalars(folder, "val_loss").size(), 2u);
  EXPECT_EQ(scalars(folder, "epoch").size(), 6u);
}

struct Painter : testing::Line {
  StepOutput training_step(const Batch& batch, StepContext& c) override {
    if (c.batch_idx == 1) {
      log_image("image", torch::zeros({2, 2}));
      log_text("text", "now");
      log_histogram("weights", layer->weight);
    }
    return testing::Line::training_step(batch, c);
  }
  void validation_step(const Batch&, StepContext&) override {
    log_text("validation", "once");
  }
};

TEST(TensorBoardLogger, GetsWhatAModuleSendsAtTheStepOfItsMetrics) {
  const testing::LogCapture log;
  const TempDir dir;
  Painter model;
  TrainerOptions options =
      testing::quiet({.max_epochs = 1, .log_every_n_steps = 1});
  options.logger = {bolt::TensorBoardLogger(
                        {.save_dir = dir.path(), .name = "", .version = "v"}),
                    bolt::CSVLogger({.save_dir = dir.path() / "csv"})};
  Trainer trainer(options);
  const auto batches = testing::line_batches(4);
  const auto one = testing::line_batches(1);
  trainer.fit(model, batches, one);
  std::map<std::string, std::vector<int64_t>> steps;
  for (const Event& event : read_events(dir.path() / "v")) {
    for (const auto& [tag, value] : event.values) {
      steps[tag].push_back(event.step);
    }
  }
  EXPECT_EQ(steps, (std::map<std::string, std::vector<int64_t>>{
                       {"image", {1}},
                       {"text", {1}},
                       {"weights", {1}},
                       {"validation", {3}}}));  // nothing of the sanity check
  EXPECT_EQ(log.count("CSVLogger] keeps no"), 3);  // images, texts, histograms
}

// Killed behind the checkpoint, a run that goes on has the events of one that
// was not.
TEST(TensorBoardLogger, ATrainerGoesOnInItsRun) {
  const TempDir dir;
  const auto fit = [&](const std::string& version, int64_t epochs,
                       FitOptions more) {
    torch::manual_seed(3);
    testing::Line model;
    TrainerOptions options =
        testing::quiet({.max_epochs = epochs, .log_every_n_steps = 1});
    options.logger = {bolt::TensorBoardLogger(
        {.save_dir = dir.path(), .name = "", .version = version})};
    Trainer trainer(options);
    const auto batches = testing::line_batches(4);
    model.on_hook = [&](const std::string& hook) {
      if (hook == "on_train_epoch_end" && trainer.current_epoch() == 0) {
        trainer.save_checkpoint(dir.path() / (version + ".ckpt"));
      }
    };
    trainer.fit(model, batches, batches, std::move(more));
  };
  fit("straight", 3, {});
  fit("broken", 2, {});
  fit("broken", 3, {.ckpt_path = (dir.path() / "broken.ckpt").string()});
  for (const char* tag : {"loss", "val_loss", "epoch"}) {
    EXPECT_EQ(scalars(dir.path() / "broken", tag),
              scalars(dir.path() / "straight", tag))
        << tag;
  }
}

}  // namespace
}  // namespace bolt
