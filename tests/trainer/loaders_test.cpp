#include <gtest/gtest.h>

#include <iterator>
#include <set>
#include <utility>
#include <vector>

#include "support/errors.h"
#include "support/fake_clock.h"
#include "support/generator.h"
#include "support/log_capture.h"
#include "support/models.h"

// What a fit makes of its loaders, and how long it waits for them.

namespace bolt {
namespace {

using namespace std::chrono_literals;
using testing::Example;
using testing::has;
using testing::Line;
using testing::line_batches;
using testing::message_of;
using testing::quiet;

TEST(Trainer, OneLoaderByNameTrainsAndValidates) {
  DataLoader loader(TensorDataset(torch::zeros({20, 1}), torch::zeros({20, 1})),
                    {.batch_size = 2, .shuffle = true});
  Line model;
  int trained = 0;
  int validated = 0;
  model.on_hook = [&](const std::string& hook) {
    trained += hook == "training_step" ? 1 : 0;
    validated += hook == "validation_step" ? 1 : 0;
  };
  Trainer(quiet({.max_epochs = 1,
                 .val_check_interval = 3,
                 .num_sanity_val_steps = 0}))
      .fit(model, loader, loader);
  EXPECT_EQ(trained, 10);
  EXPECT_EQ(validated, 30);
}

TEST(Trainer, LoadersOfAHookMayBeItsLocals) {
  struct Model : Line {
    Loaders train_dataloader() override {
      DataLoader a(TensorDataset(torch::zeros({6, 1}), torch::zeros({6, 1})),
                   {.batch_size = 2});
      return {a};
    }
  } model;
  Trainer trainer(quiet({.max_epochs = 2}));
  trainer.fit(model);
  EXPECT_EQ(trainer.global_step(), 6);
}

TEST(Trainer, OneSharedLoaderCantTrainAndValidate) {
  const auto loader = std::make_shared<DataLoader<TensorDataset>>(
      TensorDataset(torch::zeros({6, 1}), torch::zeros({6, 1})));
  Line model;
  for (const int64_t sanity_steps : {0, 2}) {
    Trainer trainer(
        quiet({.max_epochs = 1, .num_sanity_val_steps = sanity_steps}));
    EXPECT_TRUE(has(
        message_of<ConfigError>([&] { trainer.fit(model, loader, loader); }),
        {"second loader"}));
  }
}

TEST(Trainer, OverfitsWithoutShuffling) {
  const testing::LogCapture log;
  struct Watch : Line {
    StepOutput training_step(const Batch& batch, StepContext& s) override {
      seen.insert(batch.data.sum().item<float>());
      return Line::training_step(batch, s);
    }
    std::set<float> seen{};
  } model;
  const auto x = torch::arange(40, torch::kFloat).unsqueeze(1) / 40;
  DataLoader loader(TensorDataset(x, x),
                    {.batch_size = 4, .shuffle = true, .seed = 1});
  Trainer(quiet({.max_epochs = 4, .overfit_batches = 2})).fit(model, loader);
  EXPECT_EQ(model.seen.size(), 2u);
  EXPECT_EQ(log.count("turns off the shuffling"), 1);
  // The loader itself shuffles on, shared or not.
  const auto shared = std::make_shared<DataLoader<TensorDataset>>(loader);
  Trainer(quiet({.max_epochs = 1, .overfit_batches = 2})).fit(model, shared);
  EXPECT_TRUE(shared->shuffled());
  EXPECT_TRUE(loader.shuffled());
}

TEST(Trainer, SaysThatTorchsLoadersShuffleAllTheSame) {
  namespace td = torch::data;
  const auto data =
      td::datasets::TensorDataset(
          std::vector<at::Tensor>{torch::ones(1), torch::ones(1)})
          .map(td::transforms::Lambda<td::TensorExample, Example>(
              [](td::TensorExample x) { return Example(x.data, x.data); }))
          .map(td::transforms::Stack<>());
  Line model;
  const auto warnings = [&](auto loader) {
    const testing::LogCapture log;
    Trainer(quiet({.max_epochs = 1, .overfit_batches = 1})).fit(model, loader);
    return log.count("can't turn off the shuffling of the training loader");
  };
  auto drawn = td::make_data_loader(data, td::DataLoaderOptions());
  EXPECT_EQ(warnings(std::move(drawn)), 1);
  auto in_order = td::make_data_loader<td::samplers::SequentialSampler>(
      data, td::DataLoaderOptions());
  EXPECT_EQ(warnings(std::move(in_order)), 0);
}

// Gives its batches in the first pass alone.
struct Once {
  auto begin() { return (std::exchange(passed, true) ? none : all).begin(); }
  std::default_sentinel_t end() const { return {}; }
  testing::Generator<Example> all{3, line_batches(1).front()};
  testing::Generator<Example> none{0, line_batches(1).front()};
  bool passed = false;
};

TEST(Trainer, EndsWhereThereIsNoBatchAnyMore) {
  const testing::LogCapture log;
  Line model;
  Once batches;
  Trainer trainer(quiet({.max_steps = 100}));
  trainer.fit(model, batches);
  EXPECT_EQ(trainer.global_step(), 3);
  EXPECT_EQ(log.count("stopped: the train loader has no more batches"), 1);
}

TEST(Trainer, RefusesSizesThatAreNoNumberOfBatches) {
  struct Sized : std::vector<torch::data::Example<>> {
    explicit Sized(uint64_t says)
        : std::vector<torch::data::Example<>>(line_batches(3)), says(says) {}
    uint64_t size() const { return says; }
    uint64_t says;
  };
  struct Owing : std::vector<torch::data::Example<>> {
    Owing() : std::vector<torch::data::Example<>>(line_batches(3)) {}
    int64_t size() const { return -2; }
  } owing;
  Line model;
  Trainer trainer(quiet({.max_epochs = 1}));
  Sized endless(UINT64_MAX);
  EXPECT_TRUE(has(message_of<DataError>([&] { trainer.fit(model, endless); }),
                  {"size()", "18446744073709551615"}));
  for (const bool fits : {true, false}) {
    EXPECT_TRUE(has(message_of<DataError>([&] {
                      if (fits) {
                        trainer.fit(model, owing);
                      } else {
                        trainer.validate(model, owing);
                      }
                    }),
                    {"size()", "-2"}));
  }
  // The largest that is a number is one, and the pass ends where it ends.
  Sized large(INT64_MAX);
  trainer.fit(model, large);
  EXPECT_EQ(trainer.global_step(), 3);
}

TEST(Trainer, AsksForLoadersAgain) {
  struct Data : LightningDataModule {
    Loaders train_dataloader() override {
      ++calls;
      return batches;
    }
    std::vector<Example> batches = line_batches(2);
    int calls = 0;
  } data;
  Line model;
  Trainer(quiet({.max_epochs = 6, .reload_dataloaders_every_n_epochs = 2}))
      .fit(model, data);
  EXPECT_EQ(data.calls, 3);
}

TEST(Trainer, TellsHowLongItWaitedForItsData) {
  testing::FakeClock clock;
  struct Slow {
    int64_t size() const { return 4; }
    testing::Example get_batch(std::span<const int64_t>) const {
      clock->advance(2s);
      return line_batches(1)[0];
    }
    testing::FakeClock* clock;
  };
  DataLoader train(Slow{&clock});
  Line model;
  model.on_hook = [&](const std::string& hook) {
    if (hook == "training_step") clock.advance(3s);
    if (hook == "validation_step") clock.advance(100s);
  };
  const testing::LogCapture log;
  TrainerOptions options = quiet({.max_epochs = 2, .num_sanity_val_steps = 0});
  options.seams.clock = &clock;
  Trainer trainer(options);
  trainer.fit(model, train, line_batches(1));
  EXPECT_EQ(trainer.epoch_data_wait().waited, 8s);
  EXPECT_EQ(trainer.epoch_data_wait().total, 20s);
  EXPECT_EQ(trainer.data_wait().waited, 16s);
  EXPECT_EQ(trainer.data_wait().total, 40s);
  EXPECT_EQ(log.count("waited for its data in 40 %"), 1);
}

TEST(Trainer, CountsTheWaitForAPassToBegin) {
  testing::FakeClock clock;
  // Opens its file when a pass begins, and doesn't know how long it is.
  struct Opens final : BatchSource {
    using BatchType = Example;
    const BatchOps& ops() const override { return batch_ops<Example>(); }
    std::optional<int64_t> size() const override { return std::nullopt; }
    void start() override {
      clock->advance(7s);
      given = 0;
    }
    bool next(AnyBatch& batch) override {
      clock->advance(1s);
      if (given++ == 3) return false;
      batch.emplace<Example>(line_batches(1)[0]);
      return true;
    }
    testing::FakeClock* clock = nullptr;
    int64_t given = 0;
  } train;
  train.clock = &clock;
  Line model;
  TrainerOptions options = quiet({.max_epochs = 2});
  options.seams.clock = &clock;
  Trainer trainer(options);
  trainer.fit(model, train);
  EXPECT_EQ(trainer.epoch_data_wait().waited, 11s);
  EXPECT_EQ(trainer.epoch_data_wait().total, 11s);
  EXPECT_EQ(trainer.data_wait().waited, 22s);
  EXPECT_EQ(trainer.data_wait().total, 22s);
}

TEST(Trainer, TrainsOnAnEndlessStream) {
  // The seconds of a clock that never stops; each epoch another hour.
  struct Endless {
    void start(const StreamShard& shard) {
      at = 3600 * shard.epoch + shard.index;
      step = shard.count;
    }
    std::optional<Example> next() {
      const auto now = static_cast<float>(std::exchange(at, at + step));
      return Example{torch::full({1}, now), torch::zeros({1})};
    }
    int64_t at = 0, step = 1;
  };
  struct Reads : Line {
    StepOutput training_step(const Batch& batch, StepContext&) override {
      read.push_back(batch.data[0].item<float>());
      return layer->forward(batch.data * 0).sum();
    }
    std::vector<float> read{};
  };
  for (const int64_t workers : {0, 1, 2}) {
    const std::vector<float> expected{0, 1, 2, 3600, 3601, 3602};
    Reads limited;
    Trainer(quiet({.max_epochs = 2, .limit_train_batches = 3}))
        .fit(limited, StreamLoader(Endless(), {.num_workers = workers}));
    EXPECT_EQ(limited.read, expected);
    Reads sized;
    StreamLoader train(Endless(), {.num_workers = workers, .epoch_length = 3});
    Trainer trainer(quiet({.max_epochs = 2}));
    trainer.fit(sized, train);
    EXPECT_EQ(sized.read, expected);
    EXPECT_EQ(trainer.num_training_batches(), 3);
  }
}

TEST(Trainer, SaysWhenALoaderEndsBeforeItsTime) {
  const testing::LogCapture log;
  Line model;
  testing::Generator<Example> generator{5, line_batches(1)[0]};
  Trainer(quiet({.max_epochs = 1, .limit_train_batches = 100}))
      .fit(model, generator, line_batches(1));
  EXPECT_EQ(log.count("ended after 5 of 100 batches"), 1);
}

}  // namespace
}  // namespace bolt
