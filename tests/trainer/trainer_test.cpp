#include <gtest/gtest.h>

#include "support/models.h"

namespace bolt {
namespace {

using testing::Line;
using testing::line_batches;
using testing::quiet;

TEST(Trainer, LearnsALine) {
  torch::manual_seed(1);
  Line model;
  const auto batches = line_batches(20);
  Trainer trainer(quiet({.max_epochs = 60}));
  trainer.fit(model, batches);
  EXPECT_NEAR(model.layer->weight.item<float>(), 2, 0.05);
  EXPECT_NEAR(model.layer->bias.item<float>(), 1, 0.05);
  EXPECT_EQ(trainer.global_step(), 1200);
  EXPECT_EQ(trainer.current_epoch(), 60);
  EXPECT_EQ(trainer.status(), RunStatus::kFinished);
}

TEST(Trainer, GivesTheWeightsOfALoopByHand) {
  const auto batches = line_batches(10);
  torch::manual_seed(3);
  Line by_hand;
  torch::optim::SGD optimizer(by_hand.parameters(), 0.1);
  for (int epoch = 0; epoch < 3; ++epoch) {
    for (const auto& batch : batches) {
      optimizer.zero_grad();
      by_hand.loss_of(batch).backward();
      optimizer.step();
    }
  }
  torch::manual_seed(3);
  Line trained;
  Trainer(quiet({.max_epochs = 3})).fit(trained, batches);
  EXPECT_TRUE(torch::equal(trained.layer->weight, by_hand.layer->weight));
  EXPECT_TRUE(torch::equal(trained.layer->bias, by_hand.layer->bias));
}

TEST(Trainer, KnowsItsLengthBeforeInAndAfterAFit) {
  const auto batches = line_batches(5);
  Trainer trainer(quiet({.max_epochs = 3, .accumulate_grad_batches = 2}));
  EXPECT_EQ(trainer.max_epochs(), 3);
  EXPECT_THROW(trainer.estimated_stepping_batches(), ConfigError);
  struct Asks : Line {
    OptimizerConfig configure_optimizers() override {
      steps = trainer().estimated_stepping_batches();
      return Line::configure_optimizers();
    }
    int64_t steps = 0;
  };
  {
    Asks model;
    trainer.fit(model, batches);
    EXPECT_EQ(model.steps, 9);
  }
  EXPECT_EQ(trainer.estimated_stepping_batches(), 9);
}

TEST(Trainer, ADryRunHasALoggerThatKeepsNothing) {
  struct Talks : Line {
    void on_train_start() override {
      trainer().logger()->log_metrics({{"own", 1}}, 0);
    }
  } model;
  Trainer trainer(quiet({.fast_dev_run = 2, .logger = true}));
  trainer.fit(model, line_batches(5), line_batches(5));
  EXPECT_EQ(trainer.global_step(), 2);
  EXPECT_EQ(trainer.current_epoch(), 1);
  EXPECT_EQ(trainer.num_val_batches(), std::vector<int64_t>{2});
  EXPECT_TRUE(trainer.callback_metrics().contains("val_loss"));
}

TEST(Trainer, LetsGoOfLossAndBatchBeforeTheNextStep) {
  struct Watch : Line {
    StepOutput training_step(const Batch& batch, StepContext& step) override {
      EXPECT_TRUE(loss.expired());
      EXPECT_TRUE(data.expired());
      auto output = Line::training_step(batch, step);
      loss = torch::weak_intrusive_ptr<c10::TensorImpl>(
          output.loss().getIntrusivePtr());
      data = torch::weak_intrusive_ptr<c10::TensorImpl>(
          batch.data.getIntrusivePtr());
      return output;
    }
    torch::weak_intrusive_ptr<c10::TensorImpl> loss{
        torch::zeros({}).getIntrusivePtr()};
    torch::weak_intrusive_ptr<c10::TensorImpl> data{
        torch::zeros({}).getIntrusivePtr()};
  } model;
  DataLoader loader(TensorDataset(torch::zeros({12, 1}), torch::zeros({12, 1})),
                    {.batch_size = 3, .shuffle = true});
  Trainer(quiet({.max_epochs = 2})).fit(model, loader);
}

TEST(Trainer, PutsEachSubmoduleBackIntoItsMode) {
  struct Frozen : Line {
    Frozen() { register_module("frozen", frozen); }
    void on_train_start() override { frozen->eval(); }
    void validation_step(const Batch& batch, StepContext& s) override {
      EXPECT_FALSE(layer->is_training());
      EXPECT_FALSE(torch::GradMode::is_enabled());
      EXPECT_FALSE(c10::InferenceMode::is_enabled());
      Line::validation_step(batch, s);
    }
    void test_step(const Batch&, StepContext&) override {
      EXPECT_TRUE(c10::InferenceMode::is_enabled());
    }
    torch::nn::Dropout frozen{0.5};
  } model;
  const auto batches = line_batches(2);
  Trainer trainer(quiet({.max_epochs = 2}));
  trainer.fit(model, batches, batches);
  EXPECT_TRUE(model.is_training());
  EXPECT_TRUE(model.layer->is_training());
  EXPECT_FALSE(model.frozen->is_training());
  trainer.test(model, batches);
}

TEST(Trainer, TheSanityCheckLeavesTheRandomNumbersAlone) {
  struct Random : Line {
    void validation_step(const Batch&, StepContext&) override {
      torch::rand({10});
    }
    void on_train_start() override { drawn = torch::rand({4}); }
    torch::Tensor drawn{};
  } with, without;
  const auto batches = line_batches(2);
  torch::manual_seed(5);
  Trainer(quiet({.max_epochs = 1})).fit(with, batches, batches);
  torch::manual_seed(5);
  Trainer(quiet({.max_epochs = 1, .num_sanity_val_steps = 0}))
      .fit(without, batches, batches);
  EXPECT_TRUE(torch::equal(with.drawn, without.drawn));
}

TEST(Trainer, PredictsWithForwardAndMovesNothingAway) {
  struct Net : LightningModule<> {
    torch::Tensor forward(const torch::Tensor& x) { return x * 2; }
  } net;
  const auto a = line_batches(2);
  const auto b = line_batches(3);
  Trainer trainer(quiet());
  const auto one = trainer.predict(net, a);
  ASSERT_EQ(one.size(), 1u);
  EXPECT_TRUE(torch::equal(one[0][1].as_tensor(), a[1].data * 2));
  const auto two = trainer.predict(net, {a, b});
  ASSERT_EQ(two.size(), 2u);
  EXPECT_EQ(two[1].size(), 3u);
}

}  // namespace
}  // namespace bolt
