#include <gtest/gtest.h>

#include "support/models.h"

namespace bolt {
namespace {

using testing::Example;
using testing::Line;
using testing::line_batches;
using testing::quiet;

TEST(Transfer, TransferHooksMayChangeTheBatchNotTheUsersData) {
  struct Scale : Line {
    void on_after_batch_transfer(Batch& batch, int64_t) override {
      batch.data = batch.data * 0;
    }
    StepOutput training_step(const Batch& batch, StepContext& s) override {
      EXPECT_EQ(batch.data.abs().sum().item<float>(), 0);
      return Line::training_step(batch, s);
    }
  } model;
  const auto batches = line_batches(3);
  const auto before = batches[1].data.clone();
  Trainer(quiet({.max_epochs = 1})).fit(model, batches);
  EXPECT_TRUE(torch::equal(batches[1].data, before));
}

TEST(Transfer, TransferHooksMayChangeTheBatchInPlace) {
  struct Halves : Line {
    void on_after_batch_transfer(Batch& batch, int64_t) override {
      batch.data.div_(2);
    }
  } model;
  const TensorDataset data(torch::ones({4, 1}), torch::ones({4, 1}));
  const auto batches = line_batches(2);
  const auto before = batches[0].data.clone();
  DataLoader loader(data, {.batch_size = 2});
  Trainer trainer(quiet({.max_epochs = 2}));
  trainer.fit(model, loader);
  Trainer(quiet({.max_epochs = 2})).fit(model, batches);
  EXPECT_TRUE(torch::equal(data.data(), torch::ones({4, 1})));
  EXPECT_TRUE(torch::equal(batches[0].data, before));
}

TEST(Transfer, TheDataModulesTransferHookWins) {
  struct Both : Line {
    void on_before_batch_transfer(Batch&, int64_t) override { ADD_FAILURE(); }
  } model;
  struct Data : LightningDataModule {
    Loaders train_dataloader() override { return batches; }
    void on_before_batch_transfer(AnyBatch& batch, int64_t) override {
      ++calls;
      batch.as<Example>();
    }
    std::vector<Example> batches = line_batches(3);
    int calls = 0;
  } data;
  Trainer(quiet({.max_epochs = 2})).fit(model, data);
  EXPECT_EQ(data.calls, 6);
}

}  // namespace
}  // namespace bolt
