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

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    names.push_back(entry.path().filename());
  }
  std::ranges::sort(names);
  return names;
}

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
    int told_at = 0;
    int steps = 0;
    const LogCapture log;
    line.on_hook = [&](const std::string& hook) {
      if (hook == "on_train_batch_start" && told_at == 0 &&
          log.count("no space left") > 0) {
        told_at = steps;
      }
      if (hook == "training_step" && ++steps == 5) failed.wait();
    };
    Trainer trainer(best_two(
        dir.path(), std::make_shared<AsyncCheckpointIO>(flaky), stops, false));
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

}  // namespace
}  // namespace bolt::testing
