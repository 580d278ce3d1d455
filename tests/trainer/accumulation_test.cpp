#include <gtest/gtest.h>

#include <vector>

#include "support/errors.h"
#include "support/models.h"

namespace bolt {
namespace {

using testing::Line;
using testing::line_batches;
using testing::quiet;

// Batches whose optimizer stepped, one list an epoch.
struct Steps : Line {
  void on_train_epoch_start() override { steps.emplace_back(); }
  void optimizer_step(int64_t epoch, int64_t batch,
                      torch::optim::Optimizer& optimizer,
                      const std::function<at::Tensor()>& closure) override {
    Line::optimizer_step(epoch, batch, optimizer, closure);
    steps.back().push_back(batch);
  }
  std::vector<std::vector<int64_t>> steps{};
};

using List = std::vector<int64_t>;

TEST(Accumulation, BatchesLeftOverMakeAStepOfTheirOwn) {
  const auto batches = line_batches(7);
  torch::manual_seed(4);
  Line by_hand;
  torch::optim::SGD optimizer(by_hand.parameters(), 0.1);
  for (int epoch = 0; epoch < 2; ++epoch) {
    for (std::size_t k = 0; k < batches.size(); ++k) {
      if (k % 3 == 0) optimizer.zero_grad();
      (by_hand.loss_of(batches[k]) / 3).backward();
      if (k % 3 == 2 || k == 6) optimizer.step();
    }
  }
  torch::manual_seed(4);
  Steps model;
  Trainer trainer(quiet({.max_epochs = 2, .accumulate_grad_batches = 3}));
  trainer.fit(model, batches);
  EXPECT_EQ(model.steps, (std::vector<List>{{2, 5, 6}, {2, 5, 6}}));
  EXPECT_EQ(trainer.global_step(), 6);
  EXPECT_TRUE(torch::equal(model.layer->weight, by_hand.layer->weight));
  EXPECT_TRUE(torch::equal(model.layer->bias, by_hand.layer->bias));
}

TEST(Accumulation, MayChangeFromEpochToEpoch) {
  Steps model;
  TrainerOptions options = quiet({.max_epochs = 3});
  options.callbacks = {
      LambdaCallback({.on_train_epoch_start = [](Trainer& trainer, Module&) {
        trainer.set_accumulate_grad_batches(trainer.current_epoch() == 0   ? 1
                                            : trainer.current_epoch() == 1 ? 4
                                                                           : 2);
      }})};
  Trainer trainer(options);
  trainer.fit(model, line_batches(5));
  EXPECT_EQ(model.steps,
            (std::vector<List>{{0, 1, 2, 3, 4}, {3, 4}, {1, 3, 4}}));
  EXPECT_EQ(trainer.accumulate_grad_batches(), 2);
  EXPECT_TRUE(testing::has(testing::message_of<ConfigError>(
                               [&] { trainer.set_accumulate_grad_batches(0); }),
                           {"accumulate_grad_batches", "got 0", "at least 1"}));
}

TEST(Accumulation, OfAGeneratorStepsAtItsEnd) {
  // Nobody knows the length before.
  struct Unsized {
    auto begin() const { return batches.begin(); }
    auto end() const { return batches.end(); }
    std::vector<testing::Example> batches = line_batches(5);
  };
  Steps model;
  Trainer(quiet({.max_epochs = 1, .accumulate_grad_batches = 2}))
      .fit(model, Unsized());
  EXPECT_EQ(model.steps, (std::vector<List>{{1, 3, 4}}));
}

// How many batches had been trained when the schedule stepped.
List stepped_after(int64_t epochs, Interval interval, int64_t frequency,
                   int64_t accumulate = 1) {
  struct Scheduled : Line {
    OptimizerConfig configure_optimizers() override {
      auto sgd = std::make_shared<torch::optim::SGD>(parameters(), 0.1);
      config.scheduler = torch::optim::StepLR(*sgd, 1, 0.5);
      return {sgd, config};
    }
    void on_train_batch_start(const Batch&, StepContext&) override {
      ++batches;
    }
    void lr_scheduler_step(LRScheduler& scheduler,
                           std::optional<double> metric) override {
      Line::lr_scheduler_step(scheduler, metric);
      stepped.push_back(batches);
    }
    LRSchedulerConfig config{};
    int64_t batches = 0;
    List stepped{};
  } model;
  model.config = {.interval = interval, .frequency = frequency};
  Trainer(quiet({.max_epochs = epochs, .accumulate_grad_batches = accumulate}))
      .fit(model, line_batches(6));
  return model.stepped;
}

TEST(Schedule, StepsWithEveryBatchOrEveryFewOfAnEpoch) {
  EXPECT_EQ(stepped_after(1, Interval::kStep, 1), (List{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(stepped_after(1, Interval::kStep, 2), (List{2, 4, 6}));
  // The count begins anew with the epoch.
  EXPECT_EQ(stepped_after(2, Interval::kStep, 4), (List{4, 10}));
}

TEST(Schedule, CountsBatchesAndStepsWithTheOptimizerOnly) {
  EXPECT_EQ(stepped_after(1, Interval::kStep, 1, 2), (List{2, 4, 6}));
  // Batches 3 and 6 are due; at 3 the optimizer doesn't step.
  EXPECT_EQ(stepped_after(2, Interval::kStep, 3, 2), (List{6, 12}));
}

TEST(Schedule, StepsAfterEveryFewEpochs) {
  EXPECT_EQ(stepped_after(3, Interval::kEpoch, 1), (List{6, 12, 18}));
  EXPECT_EQ(stepped_after(5, Interval::kEpoch, 2), (List{12, 24}));
}

}  // namespace
}  // namespace bolt
