#include <gtest/gtest.h>
#include <sys/resource.h>
#include <torch/torch.h>
#include <torchbolt/checkpoint/checkpoint.h>
#include <torchbolt/torchbolt.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "support/errors.h"
#include "support/log_capture.h"
#include "support/models.h"
#include "support/temp_dir.h"

// Disks get full, and folders vanish.

namespace bolt::testing {
namespace {

namespace fs = std::filesystem;

/// Can't store the files of some steps.
struct Flaky final : TorchCheckpointIO {
  explicit Flaky(std::vector<int64_t> steps) : bad(std::move(steps)) {}
  void save_checkpoint(const State& state, const fs::path& path) override {
    if (std::ranges::find(bad, state.at("global_step").as_int()) != bad.end()) {
      failed.set_value();
      failed = {};
      throw CheckpointError(
          {.where = path.string(), .what = "no space left on device"});
    }
    TorchCheckpointIO::save_checkpoint(state, path);
  }
  std::vector<int64_t> bad;
  std::promise<void> failed{};
};

/// Five epochs whose loss falls, and in the fourth rises.
struct Falling : Line {
  void on_train_epoch_end() override {
    log("score", current_epoch() == 3 ? 9.0 : 5.0 - current_epoch());
  }
};

TrainerOptions best_two(const fs::path& folder,
                        std::shared_ptr<CheckpointIO> io, bool stops,
                        bool last = true) {
  TrainerOptions options = {.max_epochs = 5,
                            .callbacks = {ModelCheckpoint({.dirpath = folder,
                                                           .monitor = "score",
                                                           .save_last = last,
                                                           .save_top_k = 2})},
                            .enable_checkpointing = true,
                            .plugins = {std::move(io)},
                            .stop_on_checkpoint_error = stops};
  return quiet(std::move(options));
}

TEST(CheckpointFailure, IsForeseenWhereNoFolderCanBeMade) {
  Line model;
  int steps = 0;
  model.on_hook = [&](const std::string& hook) {
    if (hook == "training_step") ++steps;
  };
  const TrainerOptions options =
      quiet({.max_epochs = 1,
             .callbacks = {ModelCheckpoint({.dirpath = "/proc/nowhere/files"})},
             .enable_checkpointing = true});
  EXPECT_TRUE(has(
      message_of<Error>([&] { Trainer(options).fit(model, line_batches(2)); }),
      {"/proc/nowhere/files", "nothing can be written"}));
  EXPECT_EQ(steps, 0);
  // Without a fit, or in a dry one, nothing is written.
  Trainer(options).validate(model, line_batches(2), {.verbose = false});
  TrainerOptions dry = options;
  dry.fast_dev_run = true;
  Trainer(dry).fit(model, line_batches(2));
  EXPECT_EQ(steps, 1);
  TrainerOptions none = options;
  none.callbacks = {
      ModelCheckpoint({.dirpath = "/proc/nowhere/files", .save_top_k = 0})};
  Trainer(none).fit(model, line_batches(2));
  EXPECT_EQ(steps, 3);
}

TEST(CheckpointFailure, IsForeseenByWhoeverSaves) {
  Line model;
  const fs::path nowhere = "/proc/nowhere/files";
  const std::vector<CallbackHandle> savers = {
      OnExceptionCheckpoint({.dirpath = nowhere}),
      ModelCheckpoint({.dirpath = nowhere})};
  for (const auto& saver : savers) {
    for (const bool background : {false, true}) {
      TrainerOptions options = quiet({.max_epochs = 1,
                                      .callbacks = {saver},
                                      .enable_checkpointing = true});
      if (background) {
        options.plugins = {std::make_shared<AsyncCheckpointIO>()};
      }
      EXPECT_TRUE(has(message_of<Error>([&] {
                        Trainer(options).fit(model, line_batches(2));
                      }),
                      {"/proc/nowhere/files", "nothing can be written"}));
    }
  }
}

TEST(CheckpointFailure, ThatIsForeseenEndsNoRunThatGoesOnWithout) {
  Line model;
  const LogCapture log;
  Trainer trainer(quiet(
      {.max_epochs = 1,
       .callbacks = {OnExceptionCheckpoint({.dirpath = "/proc/no/where"})},
       .enable_checkpointing = true,
       .stop_on_checkpoint_error = false}));
  trainer.fit(model, line_batches(2));
  EXPECT_EQ(trainer.global_step(), 2);
  EXPECT_EQ(log.count("/proc/no/where"), 1);
}

TEST(CheckpointFailure, EndsTheFitUnlessToldOtherwise) {
  const TempDir dir;
  Falling line;
  Trainer trainer(best_two(
      dir.path(), std::make_shared<Flaky>(std::vector<int64_t>{6}), true));
  EXPECT_TRUE(has(
      message_of<CheckpointError>([&] { trainer.fit(line, line_batches(2)); }),
      {"no space left"}));
  EXPECT_EQ(trainer.global_step(), 6);
  EXPECT_EQ(names_in(dir.path()),
            (std::vector<std::string>{"epoch=0-step=2.ckpt",
                                      "epoch=1-step=4.ckpt", "last.ckpt"}));
}

TEST(CheckpointFailure, LetsTrainingGoOnWithTheFilesBefore) {
  const TempDir dir;
  Falling line;
  const LogCapture log;
  Trainer trainer(best_two(
      dir.path(), std::make_shared<Flaky>(std::vector<int64_t>{6, 10}), false));
  trainer.fit(line, line_batches(2));
  EXPECT_EQ(trainer.global_step(), 10);
  EXPECT_EQ(log.count("no space left"), 4);  // of each epoch two
  const auto& callback = trainer.callback<ModelCheckpoint>();
  // Those of the third and fifth epoch would be the best.
  EXPECT_EQ(callback.best_model_path(), dir.path() / "epoch=1-step=4.ckpt");
  ASSERT_EQ(callback.best_k_models().size(), 2u);
  EXPECT_EQ(callback.kth_best_model_path(), dir.path() / "epoch=0-step=2.ckpt");
  for (const auto& [file, score] : callback.best_k_models()) {
    EXPECT_NO_THROW(verify_checkpoint(file));
  }
  EXPECT_NO_THROW(verify_checkpoint(dir.path() / "last.ckpt"));
}

TEST(CheckpointFailure, InTheBackgroundIsToldBehindTheNextBatch) {
  for (const bool stops : {true, false}) {
    const TempDir dir;
    Falling line;
    const auto flaky = std::make_shared<Flaky>(std::vector<int64_t>{4});
    auto failed = flaky->failed.get_future();
    const auto async = std::make_shared<AsyncCheckpointIO>(flaky);
    int told_at = 0;
    int steps = 0;
    const LogCapture log;
    line.on_hook = [&](const std::string& hook) {
      if (hook == "on_train_batch_start" && told_at == 0 &&
          log.count("no space left") > 0) {
        told_at = steps;
      }
      if (hook != "training_step" || ++steps != 5) return;
      failed.wait();
      // Waits until nothing is left to write.
      async->load_checkpoint(dir.path() / "epoch=0-step=2.ckpt");
    };
    Trainer trainer(best_two(dir.path(), async, stops, false));
    if (stops) {
      EXPECT_TRUE(has(message_of<CheckpointError>(
                          [&] { trainer.fit(line, line_batches(2)); }),
                      {"no space left"}));
      EXPECT_EQ(steps, 5);
      EXPECT_NO_THROW(verify_checkpoint(dir.path() / "epoch=0-step=2.ckpt"));
      continue;
    }
    trainer.fit(line, line_batches(2));
    EXPECT_EQ(steps, 10);
    EXPECT_EQ(told_at, 5);
    const auto& callback = trainer.callback<ModelCheckpoint>();
    ASSERT_EQ(callback.best_k_models().size(), 2u);
    for (const auto& [file, score] : callback.best_k_models()) {
      EXPECT_NO_THROW(verify_checkpoint(file));
    }
  }
}

TEST(CheckpointFailure, OfAFolderThatVanishedIsNone) {
  const TempDir dir;
  const fs::path folder = dir.path() / "files";
  Falling line;
  line.on_hook = [&](const std::string& hook) {
    if (hook == "on_train_epoch_start" && line.current_epoch() == 2) {
      fs::remove_all(folder);
    }
  };
  Trainer trainer(
      best_two(folder, std::make_shared<TorchCheckpointIO>(), true));
  trainer.fit(line, line_batches(2));
  EXPECT_EQ(names_in(folder),
            (std::vector<std::string>{"epoch=2-step=6.ckpt",
                                      "epoch=4-step=10.ckpt", "last.ckpt"}));
}

// In a process of its own, whose files can't grow.
TEST(CheckpointFailure, OfAFullDiskKeepsTheLastGoodFile) {
  const TempDir dir;
  const auto fit = [&] {
    Falling line;
    line.on_hook = [&](const std::string& hook) {
      if (hook != "on_train_epoch_start" || line.current_epoch() != 2) return;
      ::signal(SIGXFSZ, SIG_IGN);
      const rlimit none{.rlim_cur = 512, .rlim_max = RLIM_INFINITY};
      ::setrlimit(RLIMIT_FSIZE, &none);
    };
    Trainer trainer(
        best_two(dir.path(), std::make_shared<TorchCheckpointIO>(), false));
    trainer.fit(line, line_batches(2));
    std::exit(trainer.global_step() == 10 ? 0 : 1);
  };
  EXPECT_EXIT(fit(), ::testing::ExitedWithCode(0), "can't be written");
  EXPECT_EQ(names_in(dir.path()),
            (std::vector<std::string>{"epoch=0-step=2.ckpt",
                                      "epoch=1-step=4.ckpt", "last.ckpt"}));
  for (const std::string& name : names_in(dir.path())) {
    EXPECT_NO_THROW(verify_checkpoint(dir.path() / name)) << name;
  }
}

// What one writer can't write is not the other's.
TEST(CheckpointFailure, OfOneWriterLeavesTheOtherAlone) {
  const TempDir dir;
  struct Picky final : TorchCheckpointIO {
    void save_checkpoint(const State& state, const fs::path& path) override {
      if (path.parent_path().filename() == "a" &&
          state.at("global_step").as_int() == 4) {
        throw CheckpointError({.where = path.string(), .what = "no space"});
      }
      TorchCheckpointIO::save_checkpoint(state, path);
    }
  };
  Falling line;
  TrainerOptions options =
      best_two(dir.path(), std::make_shared<Picky>(), false);
  options.callbacks = {ModelCheckpoint({.dirpath = dir.path() / "a"}),
                       ModelCheckpoint({.dirpath = dir.path() / "b",
                                        .monitor = "score",
                                        .save_last = SaveLast::link()})};
  options.max_epochs = 2;
  Trainer trainer(options);
  trainer.fit(line, line_batches(2));
  EXPECT_EQ(names_in(dir.path() / "a"),
            std::vector<std::string>{"epoch=0-step=2.ckpt"});
  EXPECT_EQ(names_in(dir.path() / "b"),
            (std::vector<std::string>{"epoch=1-step=4.ckpt", "last.ckpt"}));
  EXPECT_NO_THROW(verify_checkpoint(dir.path() / "b" / "last.ckpt"));
  const auto& callbacks = trainer.callbacks();
  int seen = 0;
  for (const auto& callback : callbacks) {
    const auto* one = dynamic_cast<const ModelCheckpoint*>(callback.get());
    if (one == nullptr) continue;
    ++seen;
    EXPECT_TRUE(fs::exists(one->best_model_path())) << one->best_model_path();
  }
  EXPECT_EQ(seen, 2);
}

// The file is there as before, and so is its score.
TEST(CheckpointFailure, OfANameThatIsTakenAgainKeepsTheScoreBefore) {
  for (const std::string way : {"at once", "in the background", "resumed"}) {
    SCOPED_TRACE(way);
    const TempDir dir;
    const auto options = [&](int64_t epochs, std::shared_ptr<CheckpointIO> io) {
      TrainerOptions all = best_two(dir.path(), std::move(io), false);
      all.callbacks = {ModelCheckpoint({.dirpath = dir.path(),
                                        .filename = "best",
                                        .monitor = "score",
                                        .enable_version_counter = false})};
      all.max_epochs = epochs;
      return all;
    };
    FitOptions how;
    if (way == "resumed") {
      Falling line;
      Trainer(options(2, std::make_shared<TorchCheckpointIO>()))
          .fit(line, line_batches(2));
      how.ckpt_path = dir.path() / "best.ckpt";
    }
    std::shared_ptr<CheckpointIO> io =
        std::make_shared<Flaky>(std::vector<int64_t>{6});
    if (way == "in the background")
      io = std::make_shared<AsyncCheckpointIO>(io);
    // 5, 4, and 3, which can't be written.
    Falling line;
    Trainer trainer(options(3, io));
    trainer.fit(line, line_batches(2), {}, how);
    EXPECT_EQ(names_in(dir.path()), std::vector<std::string>{"best.ckpt"});
    const auto& callback = trainer.callback<ModelCheckpoint>();
    ASSERT_EQ(callback.best_k_models().size(), 1u);
    EXPECT_EQ(callback.best_k_models()[0].second, 4);
    EXPECT_EQ(callback.best_model_score(), 4);
    EXPECT_EQ(callback.kth_value(), 4);
  }
}

// A folder that lets nobody make a link.
TEST(CheckpointFailure, OfTheLinkLetsTrainingGoOnWithTheFilesBefore) {
  const TempDir dir;
  struct NoLinks final : TorchCheckpointIO {
    void link_checkpoint(const fs::path& target,
                         const fs::path& link) override {
      if (target.filename() == "epoch=1-step=4.ckpt") {
        throw Error({.where = link.string(), .what = "no links"});
      }
      TorchCheckpointIO::link_checkpoint(target, link);
    }
  };
  Falling line;
  const LogCapture log;
  TrainerOptions options =
      best_two(dir.path(), std::make_shared<NoLinks>(), false);
  options.callbacks = {
      ModelCheckpoint({.dirpath = dir.path(), .save_last = SaveLast::link()})};
  options.max_epochs = 2;
  Trainer trainer(options);
  trainer.fit(line, line_batches(2));
  EXPECT_EQ(log.count("no links"), 1);
  // What the link points to stays.
  EXPECT_EQ(names_in(dir.path()),
            (std::vector<std::string>{"epoch=0-step=2.ckpt",
                                      "epoch=1-step=4.ckpt", "last.ckpt"}));
  EXPECT_NO_THROW(verify_checkpoint(dir.path() / "last.ckpt"));
}

TEST(CheckpointFailure, OfTheLinksTargetLeavesTheLinkAsItWas) {
  const TempDir dir;
  Falling line;
  TrainerOptions options = best_two(
      dir.path(), std::make_shared<Flaky>(std::vector<int64_t>{4}), false);
  options.callbacks = {
      ModelCheckpoint({.dirpath = dir.path(), .save_last = SaveLast::link()})};
  options.max_epochs = 2;
  Trainer trainer(options);
  trainer.fit(line, line_batches(2));
  EXPECT_EQ(fs::read_symlink(dir.path() / "last.ckpt"), "epoch=0-step=2.ckpt");
  // Should it point to nothing, others are looked for.
  fs::remove(dir.path() / "last.ckpt");
  fs::create_symlink("gone.ckpt", dir.path() / "last.ckpt");
  Falling next;
  options.plugins = {std::make_shared<TorchCheckpointIO>()};
  Trainer again(options);
  again.fit(next, line_batches(2), {}, {.ckpt_path = "last"});
  EXPECT_EQ(again.global_step(), 4);
  EXPECT_EQ(again.progress().batches.counts.total.ready, 4);
}

}  // namespace
}  // namespace bolt::testing
