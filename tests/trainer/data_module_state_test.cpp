#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

#include "support/log_capture.h"
#include "support/models.h"
#include "support/temp_dir.h"

// What a checkpoint has of the data module, during its run and behind it.

namespace bolt::testing {
namespace {

struct Counting : LightningDataModule {
  Loaders train_dataloader() override {
    ++passes;
    return Loaders(batches);
  }
  State state() const override {
    if (broken) throw std::runtime_error("the counter is lost");
    return State::map({{"passes", passes}});
  }
  void load_state(const State& state) override {
    loaded = state.at("passes").as_int();
  }
  std::vector<Example> batches = line_batches(2);
  int64_t passes = 0;
  int64_t loaded = -1;
  bool broken = false;
};

struct DataModuleState : ::testing::Test {
  Trainer trainer{quiet({.max_epochs = 3,
                         .enable_checkpointing = false,
                         .reload_dataloaders_every_n_epochs = 1})};
  Line line{};
  TempDir dir{};
  const std::filesystem::path file = dir.path() / "a.ckpt";

  /// What a data module gets that goes on from the file; -1 for nothing.
  int64_t passes_in_file() {
    Counting next;
    Trainer(quiet({.max_epochs = 3})).fit(line, next, {.ckpt_path = file});
    return next.loaded;
  }
};

TEST_F(DataModuleState, IsSavedBehindTheRunWhenTheDataModuleIsGone) {
  {
    Counting data;
    data.save_hyperparameters({{"size", 4}});
    trainer.fit(line, data);
    EXPECT_EQ(data.passes, 3);
  }
  trainer.save_checkpoint(file);
  const State saved = read_checkpoint(file);
  EXPECT_EQ(saved.at("datamodule_hyper_parameters"), State::map({{"size", 4}}));
  EXPECT_EQ(passes_in_file(), 3);
}

TEST_F(DataModuleState, IsLeftAloneByRunsWithoutOne) {
  {
    Counting data;
    trainer.fit(line, data);
  }
  trainer.validate(line, line_batches(1), {.verbose = false});
  trainer.save_checkpoint(file);
  EXPECT_EQ(passes_in_file(), 3);
}

TEST_F(DataModuleState, IsThatOfTheLastOne) {
  {
    Counting data;
    trainer.fit(line, data);
  }
  Counting other;
  other.passes = 40;
  trainer.fit(line, other);  // nothing left to train
  trainer.save_checkpoint(file);
  EXPECT_EQ(passes_in_file(), other.passes);
}

TEST_F(DataModuleState, ThatIsntThereEndsNoRun) {
  const LogCapture log;
  Counting data;
  data.broken = true;
  trainer.fit(line, data);
  EXPECT_EQ(trainer.global_step(), 6);
  EXPECT_EQ(log.count("without the data module's state"), 1);
  EXPECT_EQ(log.count("the counter is lost"), 1);
  trainer.save_checkpoint(file);
  EXPECT_EQ(passes_in_file(), -1);
}

}  // namespace
}  // namespace bolt::testing
