#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <stdexcept>

#include "support/errors.h"
#include "support/log_capture.h"
#include "support/models.h"
#include "support/temp_dir.h"

// What a checkpoint has of the data module, during its run and behind it.

namespace bolt::testing {
namespace {

/// Counts its passes in what it has between setup and teardown.
struct Counting : LightningDataModule {
  void setup(Stage) override { count = std::make_unique<at::Tensor>(start); }
  void teardown(Stage) override { count.reset(); }
  Loaders train_dataloader() override {
    count->add_(1);
    return Loaders(batches);
  }
  Loaders test_dataloader() override { return Loaders(batches); }
  State state() const override { return State::map({{"passes", *count}}); }
  void load_state(const State& state) override {
    loaded = state.at("passes").as_tensor().item<int64_t>();
  }
  std::vector<Example> batches = line_batches(2);
  at::Tensor start = torch::zeros({}, torch::kLong);
  std::unique_ptr<at::Tensor> count{};
  int64_t loaded = -1;
};

struct DataModuleState : ::testing::Test {
  TempDir dir{};
  const std::filesystem::path file = dir.path() / "a.ckpt";
  Line line{};
  Trainer trainer{
      quiet({.max_epochs = 3, .reload_dataloaders_every_n_epochs = 1})};
};

/// In a file's part of this data module; -1 for nothing.
template <class Data>
int64_t passes_of(const std::filesystem::path& file) {
  const State checkpoint = read_checkpoint(file);
  const State* const part = checkpoint.find(type_name(typeid(Data)));
  if (part == nullptr) return -1;
  return part->at("passes").as_tensor().item<int64_t>();
}

TEST_F(DataModuleState, IsSavedBehindTheFitWhenTheDataModuleIsGone) {
  {
    Counting data;
    data.save_hyperparameters({{"size", 4}});
    trainer.fit(line, data);
  }
  trainer.save_checkpoint(file);
  EXPECT_EQ(read_checkpoint(file).at("datamodule_hyper_parameters"),
            State::map({{"size", 4}}));
  Counting next;
  trainer.fit(line, next, {.ckpt_path = file});
  EXPECT_EQ(next.loaded, 3);
}

TEST_F(DataModuleState, IsThatOfTheFitWhateverFollows) {
  Counting data;
  trainer.fit(line, data);
  data.start.add_(40);  // of its own, and shared with no checkpoint
  Counting other;
  trainer.test(line, other, {.verbose = false});
  trainer.validate(line, line_batches(1), {.verbose = false});
  trainer.save_checkpoint(file);
  EXPECT_EQ(passes_of<Counting>(file), 3);
}

TEST_F(DataModuleState, OfAFitIsInNoneOfTheNext) {
  Counting data;
  trainer.fit(line, data);
  Line next;
  trainer.fit(next, line_batches(2));
  trainer.save_checkpoint(file);
  EXPECT_EQ(passes_of<Counting>(file), -1);
}

TEST_F(DataModuleState, IsSavedBehindAFitThatFailed) {
  Counting data;
  line.on_hook = [&](const std::string& hook) {
    if (hook != "on_train_epoch_end" || line.current_epoch() != 1) return;
    throw std::runtime_error("enough");
  };
  EXPECT_THROW(trainer.fit(line, data), std::runtime_error);
  trainer.save_checkpoint(file);
  line.on_hook = {};
  EXPECT_EQ(passes_of<Counting>(file), 2);
}

TEST_F(DataModuleState, IsNotAskedForBeforeItsSetup) {
  struct Unprepared : Counting {
    void prepare_data() override { throw std::runtime_error("no data"); }
  } data;
  EXPECT_EQ(message_of<std::runtime_error>([&] { trainer.fit(line, data); }),
            "no data");
}

TEST_F(DataModuleState, IsKeptFromItsTeardownOn) {
  struct Broken : Counting {
    void teardown(Stage stage) override {
      Counting::teardown(stage);
      throw std::runtime_error("torn");
    }
  } data;
  const auto rescue = dir.path() / "rescue";
  Trainer rescued(
      quiet({.max_epochs = 3,
             .callbacks = {OnExceptionCheckpoint({.dirpath = rescue})},
             .enable_checkpointing = true,
             .reload_dataloaders_every_n_epochs = 1}));
  EXPECT_EQ(message_of<std::runtime_error>([&] { rescued.fit(line, data); }),
            "torn");
  EXPECT_EQ(passes_of<Broken>(rescue / "on_exception.ckpt"), 3);
}

TEST_F(DataModuleState, IsInWhatIsSavedInATeardown) {
  Counting data;
  line.on_hook = [&](const std::string& hook) {
    if (hook == "teardown") line.trainer().save_checkpoint(file);
  };
  trainer.fit(line, data);
  EXPECT_EQ(passes_of<Counting>(file), 3);
}

TEST_F(DataModuleState, OfAFitIsGoneWhenTheNextCantBegin) {
  Counting data;
  trainer.fit(line, data);
  Line next;
  const FitOptions none{.ckpt_path = "best"};  // of no ModelCheckpoint
  EXPECT_THROW(trainer.fit(next, line_batches(2), {}, none), ConfigError);
  trainer.save_checkpoint(file);
  EXPECT_EQ(passes_of<Counting>(file), -1);
}

TEST_F(DataModuleState, ThatIsntThereEndsNoFit) {
  struct Broken : Counting {
    State state() const override {
      if (with_text) throw std::runtime_error("the counter is lost");
      throw 1;
    }
    bool with_text = true;
  } data;
  const LogCapture log;
  trainer.fit(line, data);
  EXPECT_EQ(log.count("the counter is lost"), 1);
  data.with_text = false;
  trainer.fit(line, data);
  EXPECT_EQ(log.count("without the data module's state"), 2);
  EXPECT_EQ(trainer.global_step(), 6);
  trainer.save_checkpoint(file);
  EXPECT_EQ(passes_of<Broken>(file), -1);
}

}  // namespace
}  // namespace bolt::testing
