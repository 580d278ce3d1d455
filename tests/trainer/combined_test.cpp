#include <gtest/gtest.h>
#include <torchbolt/torchbolt.h>

#include <optional>
#include <tuple>
#include <vector>

#include "support/errors.h"
#include "support/models.h"

namespace bolt {
namespace {

using testing::Example;
using testing::has;
using testing::line_batches;
using testing::message_of;
using testing::quiet;

using Both = std::vector<std::optional<Example>>;

/// Writes down which parts its batches had.
struct Paired : LightningModule<Both> {
  Paired() { register_module("layer", layer); }
  StepOutput training_step(const Batch& batch, StepContext&) override {
    at::Tensor loss = torch::zeros({});
    std::string present;
    for (const auto& part : batch) {
      present += part ? '1' : '0';
      if (part) loss = loss + layer->forward(part->data).mean();
    }
    seen.push_back(present);
    return loss;
  }
  void validation_step(const Batch& batch, StepContext& step) override {
    seen.push_back("v" + std::to_string(batch.size()) +
                   std::to_string(step.num_dataloaders));
  }
  Prediction predict_step(const Batch&, StepContext& step) override {
    return torch::tensor(step.dataloader_idx);
  }
  OptimizerConfig configure_optimizers() override {
    return torch::optim::SGD(parameters(), 0.1);
  }
  Loaders train_dataloader() override { return own; }

  torch::nn::Linear layer{1, 1};
  std::vector<std::string> seen{};
  Loaders own{};
};

using Seen = std::vector<std::string>;

TEST(CombinedFit, SeveralTrainLoadersCycle) {
  const auto a = line_batches(1), b = line_batches(3);
  Paired model;
  Trainer trainer(quiet({.max_epochs = 1}));
  trainer.fit(model, {a, b});
  EXPECT_EQ(model.seen, (Seen{"11", "11", "11"}));
  EXPECT_EQ(trainer.num_training_batches(), 3);

  Paired hooked;
  hooked.own = {Loaders(a), Loaders(b)};
  Trainer(quiet({.max_epochs = 1})).fit(hooked);
  EXPECT_EQ(hooked.seen, model.seen);

  Paired listed;
  const std::vector<std::vector<Example>> loaders{a, b};
  Trainer(quiet({.max_epochs = 1})).fit(listed, loaders);
  EXPECT_EQ(listed.seen, model.seen);
}

TEST(CombinedFit, LimitsCountForEachLoader) {
  const auto a = line_batches(2), b = line_batches(8);
  Paired model;
  Trainer trainer(quiet({.max_epochs = 1, .limit_train_batches = 0.5}));
  trainer.fit(model,
              CombinedLoader<Both>({a, b}, {.mode = CombineMode::kMaxSize}));
  // Half of each is 1 and 4: the shorter one still gives all it has.
  EXPECT_EQ(model.seen, (Seen{"11", "11", "01", "01"}));
  EXPECT_TRUE(has(message_of<ConfigError>([&] {
                    Trainer(
                        quiet({.max_epochs = 1, .limit_train_batches = 0.25}))
                        .fit(model, {a, b});
                  }),
                  {"limit_train_batches", "2"}));
}

TEST(CombinedFit, EvaluatesACombinationAsOneLoader) {
  const auto a = line_batches(2), b = line_batches(3);
  Paired model;
  Trainer trainer(quiet({.limit_val_batches = 2}));
  CombinedLoader<Both> both({a, b}, {.mode = CombineMode::kMaxSize});
  EXPECT_EQ(trainer.validate(model, both).size(), 1u);
  EXPECT_EQ(model.seen, (Seen{"v21", "v21"}));
  EXPECT_EQ(trainer.num_val_batches(), (std::vector<int64_t>{2, 2}));

  model.seen.clear();
  CombinedLoader<Both> one(a), other(b);
  CombinedLoader<Both> each({one, other}, {.mode = CombineMode::kSequential});
  EXPECT_EQ(trainer.validate(model, each).size(), 2u);
  EXPECT_EQ(model.seen, (Seen{"v12", "v12", "v12", "v12"}));
}

TEST(CombinedFit, RefusesModesThatAStageCantRun) {
  const auto a = line_batches(2);
  CombinedLoader<Both> one(a), other(a);
  CombinedLoader<Both> each({one, other}, {.mode = CombineMode::kSequential});
  CombinedLoader<Both> both({a, a});
  Paired model;
  Trainer trainer(quiet({.max_epochs = 1}));
  EXPECT_TRUE(has(message_of<ConfigError>([&] { trainer.fit(model, each); }),
                  {"train_dataloader", "sequential", "max_size_cycle"}));
  EXPECT_TRUE(
      has(message_of<ConfigError>([&] { trainer.predict(model, both); }),
          {"predict_dataloader", "min_size", "sequential"}));
  EXPECT_EQ(trainer.predict(model, each).size(), 2u);
  EXPECT_EQ(trainer.predict(model, one).size(), 1u);
}

TEST(CombinedFit, RefusesLoadersThatAreNoPartsOfTheBatch) {
  const std::vector<torch::Tensor> tensors(2, torch::ones({1}));
  Paired model;
  model.own = {Loaders(tensors), Loaders(tensors)};
  EXPECT_TRUE(has(message_of<ConfigError>(
                      [&] { Trainer(quiet({.max_epochs = 1})).fit(model); }),
                  {"loader 0", "Tensor", "Example"}));
  testing::Line line;  // its batch has no parts
  const auto a = line_batches(2);
  struct Two : LightningDataModule {
    Loaders train_dataloader() override { return {Loaders(one), Loaders(one)}; }
    std::vector<Example> one = line_batches(1);
  } data;
  EXPECT_TRUE(has(message_of<ConfigError>([&] {
                    Trainer(quiet({.max_epochs = 1})).fit(line, data);
                  }),
                  {"can't be put together"}));
}

TEST(CombinedFit, OverfittingKeepsTheOrderOfAllParts) {
  const TensorDataset data(torch::zeros({6, 1}), torch::zeros({6, 1}));
  const auto a = std::make_shared<DataLoader<TensorDataset>>(
      data, DataLoaderOptions{.batch_size = 2, .shuffle = true});
  const auto b = std::make_shared<DataLoader<TensorDataset>>(
      data, DataLoaderOptions{.batch_size = 2, .shuffle = true});
  Paired model;
  bool shuffled = true;
  TrainerOptions options = quiet({.max_epochs = 1, .overfit_batches = 1});
  options.callbacks = {LambdaCallback({.on_train_start = [&](auto&&...) {
    shuffled = a->shuffled() || b->shuffled();
  }})};
  Trainer(options).fit(model, {a, b});
  EXPECT_FALSE(shuffled);
  EXPECT_TRUE(a->shuffled() && b->shuffled());  // again
  EXPECT_EQ(model.seen, Seen{"11"});
}

}  // namespace
}  // namespace bolt
