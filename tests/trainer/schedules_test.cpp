#include <gtest/gtest.h>

#include "support/errors.h"
#include "support/generator.h"
#include "support/log_capture.h"
#include "support/models.h"

// Schedules in a fit: when they step, what they watch, what is refused.

namespace bolt {
namespace {

using testing::has;
using testing::Line;
using testing::line_batches;
using testing::message_of;
using testing::quiet;

// A model whose optimizer has the rate 1, and which notes it at each batch.
struct Scheduled : Line {
  using Make = std::function<OptimizerConfig(std::shared_ptr<optim::SGD>)>;
  explicit Scheduled(Make make) : make(std::move(make)) {}

  OptimizerConfig configure_optimizers() override {
    sgd =
        std::make_shared<optim::SGD>(parameters(), optim::SGDOptions{.lr = 1});
    return make(sgd);
  }
  void on_train_batch_start(const Batch&, StepContext&) override {
    lrs.push_back(sgd->options().lr);
  }
  void validation_step(const Batch&, StepContext&) override {
    log("val_loss", 1.0 / static_cast<double>(1 + trainer().current_epoch()));
  }

  Make make;
  std::shared_ptr<optim::SGD> sgd{};
  std::vector<double> lrs{};
};

std::vector<double> rates(Scheduled::Make make,
                          TrainerOptions options = {.max_epochs = 2},
                          int64_t batches = 3, bool validate = false) {
  Scheduled model(std::move(make));
  Trainer trainer(quiet(std::move(options)));
  if (validate) {
    trainer.fit(model, line_batches(batches), line_batches(1));
  } else {
    trainer.fit(model, line_batches(batches));
  }
  model.lrs.push_back(model.sgd->options().lr);
  return model.lrs;
}

std::string refused(Scheduled::Make make,
                    TrainerOptions options = {.max_epochs = 1}) {
  return message_of<ConfigError>([&] { rates(std::move(make), options); });
}

optim::StepLR halving(const std::shared_ptr<optim::SGD>& sgd) {
  return {sgd, {.step_size = 1, .gamma = 0.5}};
}

TEST(SchedulesInAFit, StepAfterEachEpoch) {
  EXPECT_EQ(
      rates([](auto sgd) -> OptimizerConfig { return {sgd, halving(sgd)}; }),
      (std::vector<double>{1, 1, 1, 0.5, 0.5, 0.5, 0.25}));
}

TEST(SchedulesInAFit, StepAfterEachBatch) {
  EXPECT_EQ(rates(
                [](auto sgd) -> OptimizerConfig {
                  return {
                      sgd,
                      {.scheduler = halving(sgd), .interval = Interval::kStep}};
                },
                {.max_epochs = 1}),
            (std::vector<double>{1, 0.5, 0.25, 0.125}));
}

TEST(SchedulesInAFit, FrequencyCountsBatchesOfTheEpoch) {
  EXPECT_EQ(rates([](auto sgd) -> OptimizerConfig {
              return {sgd,
                      {.scheduler = halving(sgd),
                       .interval = Interval::kStep,
                       .frequency = 2}};
            }),
            (std::vector<double>{1, 1, 0.5, 0.5, 0.5, 0.25, 0.25}));
  EXPECT_EQ(rates(
                [](auto sgd) -> OptimizerConfig {
                  return {sgd, {.scheduler = halving(sgd), .frequency = 2}};
                },
                {.max_epochs = 4}, 1),
            (std::vector<double>{1, 1, 0.5, 0.5, 0.25}));
}

TEST(SchedulesInAFit, SkipBatchesThatAccumulate) {
  EXPECT_EQ(rates(
                [](auto sgd) -> OptimizerConfig {
                  return {
                      sgd,
                      {.scheduler = halving(sgd), .interval = Interval::kStep}};
                },
                {.max_epochs = 1, .accumulate_grad_batches = 2}, 5),
            (std::vector<double>{1, 1, 0.5, 0.5, 0.25, 0.125}));
}

TEST(SchedulesInAFit, SeveralAtOnce) {
  EXPECT_EQ(rates(
                [](auto sgd) -> OptimizerConfig {
                  return {
                      sgd,
                      {{.scheduler = optim::ExponentialLR(sgd, {.gamma = 0.5}),
                        .interval = Interval::kStep},
                       {.scheduler = optim::StepLR(
                            sgd, {.step_size = 1, .gamma = 0.125})}}};
                },
                {.max_epochs = 2}, 2),
            (std::vector<double>{1, 0.5, 0.03125, 0.015625, 0.0009765625}));
}

TEST(SchedulesInAFit, APlateauWatchesItsMonitor) {
  const auto plateau = [](bool strict, std::string monitor) {
    return [=](auto sgd) -> OptimizerConfig {
      return {sgd,
              {.scheduler = optim::ReduceLROnPlateau(
                   sgd, {.mode = Mode::kMax, .patience = 0}),
               .monitor = monitor,
               .strict = strict}};
    };
  };
  // It falls, so that under kMax each epoch after the first is a bad one.
  const std::vector<double> lrs =
      rates(plateau(true, "val_loss"),
            {.max_epochs = 3, .num_sanity_val_steps = 0}, 1, true);
  ASSERT_EQ(lrs.size(), 4u);
  EXPECT_EQ(lrs[0], 1);
  EXPECT_EQ(lrs[1], 1);
  EXPECT_NEAR(lrs[2], 0.1, 1e-12);
  EXPECT_NEAR(lrs[3], 0.01, 1e-12);

  const std::string message = message_of<ConfigError>(
      [&] { rates(plateau(true, "val_los"), {.max_epochs = 1}, 1, true); });
  EXPECT_TRUE(has(message, {"ReduceLROnPlateau", "\"val_los\"",
                            "loss, val_loss", "did you mean \"val_loss\"?"}));

  testing::LogCapture log;
  EXPECT_EQ(rates(plateau(false, "val_los"), {.max_epochs = 1}, 1, true),
            (std::vector<double>{1, 1}));
  EXPECT_EQ(log.count("did you mean \"val_loss\"? (skipped)"), 1);
}

TEST(SchedulesInAFit, LambdasSeeTheEpoch) {
  EXPECT_EQ(rates(
                [](auto sgd) -> OptimizerConfig {
                  return {sgd, optim::LambdaLR(
                                   sgd, {.lr_lambda = [](int64_t e) {
                                     return 1.0 / static_cast<double>(1 + e);
                                   }})};
                },
                {.max_epochs = 3}, 1),
            (std::vector<double>{1, 0.5, 1.0 / 3, 0.25}));
}

// -- warm-ups, whose length is the fit's -------------------------------------

TEST(WarmupInAFit, TakesAsManyStepsAsTheFitMakes) {
  const auto make = [](auto sgd) -> OptimizerConfig {
    return {sgd, optim::warmup_linear(sgd, {.warmup_steps = 2})};
  };
  EXPECT_EQ(rates(make, {.max_epochs = 2}, 3),
            (std::vector<double>{0, 0.5, 1, 0.75, 0.5, 0.25, 0}));
  EXPECT_EQ(rates(make, {.max_epochs = 4, .max_steps = 4}, 3),
            (std::vector<double>{0, 0.5, 1, 0.5, 0}));
  EXPECT_EQ(rates(make, {.max_epochs = 2, .accumulate_grad_batches = 2}, 3),
            (std::vector<double>{0, 0, 0.5, 1, 1, 0.5, 0}));
}

TEST(WarmupInAFit, OneLineWithTheOptimizer) {
  struct OneLine : Line {
    OptimizerConfig configure_optimizers() override {
      return optim::warmup_cosine(optim::AdamW(parameters(), {.lr = 2}),
                                  {.warmup_ratio = 0.5});
    }
  } model;
  Trainer trainer(quiet({.max_epochs = 2}));
  trainer.fit(model, line_batches(4));
  auto& config = trainer.lr_scheduler_configs().front();
  EXPECT_EQ(config.interval, Interval::kStep);
  const auto* schedule = config.scheduler->as<optim::WarmupLR>();
  ASSERT_NE(schedule, nullptr);
  EXPECT_EQ(schedule->total_steps(), 8);
  EXPECT_EQ(schedule->last_epoch(), 8);
  EXPECT_NEAR(schedule->last_lr()[0], 0, 1e-12);
}

TEST(WarmupInAFit, CountsTheStepsOfItsOwnOptimizer) {
  const auto total = [](int64_t every, int64_t frequency,
                        TrainerOptions options) {
    struct Two : Line {
      OptimizerConfig configure_optimizers() override {
        auto a = std::make_shared<optim::SGD>(std::vector{layer->weight});
        auto b = std::make_shared<optim::SGD>(std::vector{layer->bias});
        LRSchedulerConfig warmup = optim::warmup_cosine(b);
        warmup.frequency = frequency;
        return {{.optimizer = a, .name = "a"},
                {.optimizer = b,
                 .lr_schedulers = {warmup},
                 .name = "b",
                 .every_n_batches = every}};
      }
      int64_t every = 1;
      int64_t frequency = 1;
    } model;
    model.every = every;
    model.frequency = frequency;
    Trainer trainer(quiet(options));
    trainer.fit(model, line_batches(5));
    const auto* schedule = trainer.lr_scheduler_configs()[0]
                               .scheduler->template as<optim::WarmupLR>();
    EXPECT_EQ(schedule->last_epoch(), *schedule->total_steps());
    return *schedule->total_steps();
  };
  EXPECT_EQ(total(1, 1, {.max_epochs = 3}), 15);
  EXPECT_EQ(total(2, 1, {.max_epochs = 3}), 9);  // batches 2, 4 and 5
  EXPECT_EQ(total(2, 2, {.max_epochs = 3}), 6);  // 2 and 4
  EXPECT_EQ(total(1, 2, {.max_epochs = 3}), 6);
  EXPECT_EQ(total(2, 1, {.max_epochs = 3, .max_steps = 9}), 5);
}

TEST(WarmupInAFit, ARunWithoutAnEndNeedsANumber) {
  const auto make = [](auto sgd) -> OptimizerConfig {
    return {sgd, optim::warmup_cosine(sgd)};
  };
  Scheduled model(make);
  model.on_hook = [&](const std::string& hook) {
    if (hook == "on_train_start") FAIL() << "the run began";
  };
  EXPECT_TRUE(
      has(message_of<ConfigError>([&] {
            Trainer(quiet({.max_epochs = -1})).fit(model, line_batches(3));
          }),
          {"WarmupLR", "how many steps", ".total_steps"}));
}

TEST(WarmupInAFit, NorDoesALoaderWithoutALengthSayIt) {
  Scheduled model([](auto sgd) -> OptimizerConfig {
    return {sgd, optim::warmup_cosine(sgd, {.warmup_steps = 2})};
  });
  testing::Generator<testing::Example> loader{3, line_batches(1)[0]};
  EXPECT_TRUE(has(message_of<ConfigError>([&] {
                    Trainer(quiet({.max_epochs = 2})).fit(model, loader);
                  }),
                  {"WarmupLR", "how many steps", ".total_steps"}));
}

TEST(WarmupInAFit, AFrequencyOfNothingIsRefusedUnderManualOptimizationToo) {
  Scheduled model([](auto sgd) -> OptimizerConfig {
    LRSchedulerConfig config = optim::warmup_cosine(sgd);
    config.frequency = 0;
    return {sgd, config};
  });
  model.automatic_optimization = false;
  EXPECT_TRUE(
      has(message_of<ConfigError>([&] {
            Trainer(quiet({.max_epochs = 2})).fit(model, line_batches(3));
          }),
          {"frequency", "at least 1"}));
}

TEST(WarmupInAFit, ATrialRunOnlyWarns) {
  testing::LogCapture log;
  EXPECT_EQ(rates(
                [](auto sgd) -> OptimizerConfig {
                  return {sgd,
                          optim::warmup_cosine(sgd, {.warmup_steps = 100})};
                },
                {.fast_dev_run = 1}),
            (std::vector<double>{0, 0.01}));
  EXPECT_EQ(log.count("warm-up of 100 steps doesn't end in a run of 1"), 1);
}

// -- what is refused before the first batch ----------------------------------

TEST(SchedulesInAFit, OfAnotherOptimizerAreRefused) {
  const auto other = std::make_shared<optim::SGD>(
      std::vector{torch::zeros({1}).set_requires_grad(true)});
  EXPECT_TRUE(has(refused([&](auto sgd) -> OptimizerConfig {
                    return {sgd, halving(other)};
                  }),
                  {"configure_optimizers", "bound to another optimizer",
                   "StepLR of optimizer 0"}));
  EXPECT_TRUE(has(refused([&](auto sgd) -> OptimizerConfig {
                    return {sgd,
                            {.scheduler = optim::ReduceLROnPlateau(other),
                             .monitor = "loss"}};
                  }),
                  {"bound to another optimizer", "ReduceLROnPlateau"}));
}

TEST(SchedulesInAFit, BadConfigsAreRefused) {
  EXPECT_TRUE(has(refused([](auto sgd) -> OptimizerConfig {
                    return {sgd, LRSchedulerConfig{}};
                  }),
                  {"no scheduler"}));
  EXPECT_TRUE(has(refused([](auto sgd) -> OptimizerConfig {
                    return {sgd, {.scheduler = halving(sgd), .frequency = 0}};
                  }),
                  {"frequency", "StepLR: 0"}));
  EXPECT_TRUE(has(refused([](auto sgd) -> OptimizerConfig {
                    return {sgd, optim::ReduceLROnPlateau(sgd)};
                  }),
                  {"plateau", ".monitor", "ReduceLROnPlateau"}));
}

TEST(SchedulesInAFit, OneCycleByEpochsWarns) {
  testing::LogCapture log;
  rates([](auto sgd) -> OptimizerConfig {
    return {sgd, optim::OneCycleLR(sgd, {.max_lr = 1,
                                         .total_steps = 10,
                                         .cycle_momentum = false})};
  });
  EXPECT_EQ(log.count("OneCycleLR steps after each epoch"), 1);
}

// -- by hand -----------------------------------------------------------------

TEST(SchedulesByHand, StepWhenTheModuleSaysSo) {
  struct ByHand : Line {
    ByHand() { automatic_optimization = false; }
    OptimizerConfig configure_optimizers() override {
      sgd = std::make_shared<optim::SGD>(parameters(),
                                         optim::SGDOptions{.lr = 1});
      return {sgd,
              {{.scheduler = halving(sgd)},
               {.scheduler = optim::ReduceLROnPlateau(
                    sgd, {.factor = 0.25, .patience = 0}),
                .monitor = "loss"}}};
    }
    StepOutput training_step(const Batch&, StepContext& step) override {
      EXPECT_EQ(lr_schedulers().size(), 2u);
      if (step.batch_idx == 1) lr_scheduler(0).step();
      if (step.batch_idx > 1) lr_scheduler(1).step(1.0);
      lrs.push_back(sgd->options().lr);
      return {};
    }
    std::shared_ptr<optim::SGD> sgd{};
    std::vector<double> lrs{};
  } model;
  Trainer(quiet({.max_epochs = 1})).fit(model, line_batches(5));
  EXPECT_EQ(model.lrs, (std::vector<double>{1, 0.5, 0.5, 0.125, 0.03125}));
}

}  // namespace
}  // namespace bolt
