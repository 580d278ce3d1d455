#include <gtest/gtest.h>

#include "support/errors.h"
#include "support/models.h"
#include "support/row_logger.h"

// The callbacks that change, and report, how the optimizer goes.

namespace bolt {
namespace {

using testing::has;
using testing::Line;
using testing::line_batches;
using testing::message_of;
using testing::quiet;

TEST(GradientAccumulationScheduler, ChangesTheStepsOfItsEpochs) {
  Line model;
  std::vector<int64_t> steps;
  TrainerOptions options = quiet({.max_epochs = 4});
  options.callbacks = {
      GradientAccumulationScheduler({.scheduling = {{1, 2}, {3, 4}}}),
      LambdaCallback({.on_train_epoch_end = [&](Trainer& t, Module&) {
        steps.push_back(t.global_step());
      }})};
  Trainer trainer(options);
  trainer.fit(model, line_batches(4));
  EXPECT_EQ(steps, (std::vector<int64_t>{4, 6, 8, 9}));
  EXPECT_EQ(trainer.accumulate_grad_batches(), 1) << "as it was";
}

TEST(GradientAccumulationScheduler, GivesTheTrainerBackWhenAFitThrows) {
  struct Throws : Line {
    StepOutput training_step(const Batch&, StepContext&) override {
      EXPECT_EQ(trainer().accumulate_grad_batches(), 3);
      throw std::runtime_error("mine");
    }
  } model;
  TrainerOptions options = quiet({.max_epochs = 1});
  options.callbacks = {GradientAccumulationScheduler({.scheduling = {{0, 3}}})};
  Trainer trainer(options);
  EXPECT_THROW(trainer.fit(model, line_batches(4)), std::runtime_error);
  EXPECT_EQ(trainer.accumulate_grad_batches(), 1);
}

TEST(GradientAccumulationScheduler, RefusesWhatContradicts) {
  EXPECT_THROW(GradientAccumulationScheduler({}), ConfigError);
  EXPECT_TRUE(has(message_of<ConfigError>([] {
                    GradientAccumulationScheduler({.scheduling = {{2, 0}}});
                  }),
                  {"{2, 0}", "at least 1 batch"}));
  EXPECT_THROW(GradientAccumulationScheduler({.scheduling = {{-1, 2}}}),
               ConfigError);
  Line model;
  TrainerOptions options = quiet({.max_epochs = 1});
  options.accumulate_grad_batches = 3;
  options.callbacks = {GradientAccumulationScheduler({.scheduling = {{0, 2}}})};
  Trainer trainer(options);
  EXPECT_TRUE(
      has(message_of<ConfigError>([&] { trainer.fit(model, line_batches(4)); }),
          {"accumulate_grad_batches=3"}));
  EXPECT_EQ(trainer.accumulate_grad_batches(), 3);
  model.automatic_optimization = false;
  TrainerOptions by_hand = quiet({.max_epochs = 1});
  by_hand.callbacks = options.callbacks;
  EXPECT_TRUE(has(message_of<ConfigError>(
                      [&] { Trainer(by_hand).fit(model, line_batches(4)); }),
                  {"optimizes by hand"}));
}

// What a schedule is told that counts on the steps of the whole fit.
TEST(GradientAccumulationScheduler, CountsInTheStepsOfTheFit) {
  const auto fit = [](TrainerOptions options, int64_t frequency) {
    struct Model : Line {
      OptimizerConfig configure_optimizers() override {
        auto sgd = std::make_shared<optim::SGD>(parameters());
        LRSchedulerConfig warmup = optim::warmup_cosine(sgd);
        warmup.frequency = frequency;
        return {sgd, warmup};
      }
      int64_t frequency = 1;
    } model;
    model.frequency = frequency;
    options.callbacks = {
        GradientAccumulationScheduler({.scheduling = {{1, 2}, {3, 4}}})};
    Trainer trainer(quiet(std::move(options)));
    trainer.fit(model, line_batches(5));
    EXPECT_EQ(trainer.estimated_stepping_batches(), trainer.global_step());
    const auto* schedule = trainer.lr_scheduler_configs()[0]
                               .scheduler->template as<optim::WarmupLR>();
    EXPECT_EQ(schedule->last_epoch(), *schedule->total_steps());
    return *schedule->total_steps();
  };
  EXPECT_EQ(fit({.max_epochs = 4}, 1), 5 + 3 + 3 + 2);
  EXPECT_EQ(fit({.max_epochs = 1}, 1), 5);
  EXPECT_EQ(fit({.max_epochs = 4, .max_steps = 9}, 1), 9);
  EXPECT_EQ(fit({.max_epochs = -1, .max_steps = 15}, 1), 15);
  // Every second batch: of steps on 1 2 3 4 5, on 2 4 5, and on 4 5.
  EXPECT_EQ(fit({.max_epochs = 4}, 2), 2 + 2 + 2 + 1);
  EXPECT_EQ(fit({.max_epochs = 4, .max_steps = 9}, 2), 2 + 2 + 1);
}

// Each would divide the gradients.
TEST(GradientAccumulationScheduler, IsNotForAnOptimizerWithItsOwnCadence) {
  struct Own : Line {
    OptimizerConfig configure_optimizers() override {
      return {{.optimizer = std::make_shared<optim::SGD>(parameters()),
               .every_n_batches = 2}};
    }
    StepOutput training_step(const Batch& batch, StepContext& step) override {
      if (sets) trainer().set_accumulate_grad_batches(2);
      return Line::training_step(batch, step);
    }
    bool sets = false;
  } model;
  TrainerOptions options = quiet({.max_epochs = 1});
  options.callbacks = {GradientAccumulationScheduler({.scheduling = {{4, 3}}})};
  Trainer trainer(options);
  EXPECT_TRUE(
      has(message_of<ConfigError>([&] { trainer.fit(model, line_batches(4)); }),
          {"every_n_batches", "GradientAccumulationScheduler"}));
  model.sets = true;
  Trainer plain(quiet({.max_epochs = 1}));
  EXPECT_TRUE(
      has(message_of<ConfigError>([&] { plain.fit(model, line_batches(4)); }),
          {"every_n_batches", "accumulate_grad_batches"}));
}

struct Kept final : testing::RowLogger {
  void log_metrics(const MetricMap& metrics, int64_t step) override {
    for (const auto& [key, value] : metrics) {
      if (key.starts_with("lr") || key.starts_with("x/")) {
        rates.emplace_back(key, step, value);
      }
    }
  }
  std::vector<std::tuple<std::string, int64_t, double>> rates{};
};
using Rows = decltype(Kept::rates);

// torch's StepLR halves for the first time at its second step.
struct Scheduled : Line {
  explicit Scheduled(LRSchedulerConfig config, int groups = 1)
      : config(std::move(config)), groups(groups) {}
  OptimizerConfig configure_optimizers() override {
    using torch::optim::SGDOptions;
    std::vector<torch::optim::OptimizerParamGroup> of;
    if (groups == 1) {
      of.emplace_back(parameters());
    } else {
      for (const auto& p : parameters()) {
        of.emplace_back(std::vector<at::Tensor>{p});
      }
    }
    auto sgd = std::make_shared<torch::optim::SGD>(
        std::move(of), SGDOptions(1.0).momentum(0.9).weight_decay(0.1));
    LRSchedulerConfig schedule = config;
    schedule.scheduler = torch::optim::StepLR(*sgd, 1, 0.5);
    return {sgd, schedule};
  }
  LRSchedulerConfig config;
  int groups;
};

Rows rows_of(Scheduled& module, LearningRateMonitorOptions monitor,
             int64_t every = 1) {
  const auto kept = std::make_shared<Kept>();
  TrainerOptions options = quiet({.max_epochs = 2, .logger = kept});
  options.log_every_n_steps = every;
  options.callbacks = {LearningRateMonitor(std::move(monitor))};
  Trainer trainer(options);
  trainer.fit(module, line_batches(2));
  return kept->rates;
}

TEST(LearningRateMonitor, LogsEachScheduleWhenItSteps) {
  Scheduled by_epoch({.interval = Interval::kEpoch});
  EXPECT_EQ(rows_of(by_epoch, {}),
            (Rows{{"lr-SGD", 0, 1.0}, {"lr-SGD", 2, 1.0}}));
  Scheduled by_step({.interval = Interval::kStep, .name = "lr/mine"});
  EXPECT_EQ(rows_of(by_step, {}), (Rows{{"lr/mine", 0, 1.0},
                                        {"lr/mine", 1, 1.0},
                                        {"lr/mine", 2, 0.5},
                                        {"lr/mine", 3, 0.25}}));
  Scheduled seldom({.interval = Interval::kStep});
  EXPECT_EQ(rows_of(seldom, {}, 2),
            (Rows{{"lr-SGD", 1, 1.0}, {"lr-SGD", 3, 0.25}}));
  Scheduled asked({.interval = Interval::kStep});
  EXPECT_EQ(rows_of(asked, {.logging_interval = Interval::kEpoch}),
            (Rows{{"lr-SGD", 0, 1.0}, {"lr-SGD", 2, 0.5}}));
  Scheduled steps({.interval = Interval::kEpoch});
  EXPECT_EQ(rows_of(steps, {.logging_interval = Interval::kStep}, 2),
            (Rows{{"lr-SGD", 1, 1.0}, {"lr-SGD", 3, 1.0}}));
}

TEST(LearningRateMonitor, NamesGroupsAndExtras) {
  Scheduled model({.interval = Interval::kEpoch}, 2);
  const Rows rows = rows_of(
      model,
      {.log_momentum = true, .log_weight_decay = true, .log_key_prefix = "x/"});
  ASSERT_EQ(rows.size(), 12);
  EXPECT_EQ(Rows(rows.begin(), rows.begin() + 6),
            (Rows{{"x/lr-SGD/pg1", 0, 1.0},
                  {"x/lr-SGD/pg1-momentum", 0, 0.9},
                  {"x/lr-SGD/pg1-weight_decay", 0, 0.1},
                  {"x/lr-SGD/pg2", 0, 1.0},
                  {"x/lr-SGD/pg2-momentum", 0, 0.9},
                  {"x/lr-SGD/pg2-weight_decay", 0, 0.1}}));
}

// As Lightning's: a name in place of "pg1", of a single group too, and no two.
TEST(LearningRateMonitor, TakesTheNamesOfGroups) {
  struct Model : Line {
    OptimizerConfig configure_optimizers() override {
      std::vector<optim::ParamGroup> groups{
          {.parameters = {layer->weight}, .lr = 0.5, .name = first}};
      if (two) {
        groups.push_back(
            {.parameters = {layer->bias}, .lr = 0.25, .name = second});
      }
      return optim::SGD(groups, {.lr = 1});
    }
    std::string first{}, second{};
    bool two = true;
  };
  const auto fit = [](const std::string& first, const std::string& second,
                      bool two = true) {
    Model model;
    model.first = first;
    model.second = second;
    model.two = two;
    const auto kept = std::make_shared<Kept>();
    TrainerOptions options = quiet({.max_epochs = 1, .logger = kept});
    options.callbacks = {
        LearningRateMonitor({.logging_interval = Interval::kEpoch})};
    Trainer(options).fit(model, line_batches(1));
    return kept->rates;
  };
  EXPECT_EQ(fit("head", "tail"),
            (Rows{{"lr-SGD/head", 0, 0.5}, {"lr-SGD/tail", 0, 0.25}}));
  EXPECT_EQ(fit("", "tail"),
            (Rows{{"lr-SGD/pg1", 0, 0.5}, {"lr-SGD/tail", 0, 0.25}}));
  EXPECT_EQ(fit("head", "", false), (Rows{{"lr-SGD/head", 0, 0.5}}));
  EXPECT_EQ(fit("", "", false), (Rows{{"lr-SGD", 0, 0.5}}));
  EXPECT_THROW(fit("head", "head"), ConfigError);
  EXPECT_THROW(fit("pg2", ""), ConfigError);
}

struct TwoOptimizers : Line {
  TwoOptimizers() { automatic_optimization = false; }
  OptimizerConfig configure_optimizers() override {
    const auto all = parameters();
    auto a = std::make_shared<torch::optim::SGD>(std::vector{all[0]}, 0.5);
    auto b = std::make_shared<torch::optim::SGD>(std::vector{all[1]}, 0.25);
    return {{.optimizer = a}, {.optimizer = b}};
  }
};

TEST(LearningRateMonitor, NumbersOptimizersOfOneClass) {
  TwoOptimizers model;
  const auto kept = std::make_shared<Kept>();
  TrainerOptions options = quiet({.max_epochs = 1, .logger = kept});
  options.callbacks = {
      LearningRateMonitor({.logging_interval = Interval::kEpoch})};
  Trainer(options).fit(model, line_batches(1));
  EXPECT_EQ(kept->rates, (Rows{{"lr-SGD", 0, 0.5}, {"lr-SGD-1", 0, 0.25}}));
}

TEST(LearningRateMonitor, KnowsTheMomentumOfOurOptimizers) {
  struct Model : Line {
    OptimizerConfig configure_optimizers() override {
      return optim::AdamW(parameters(),
                          {.betas = {0.8, 0.99}, .weight_decay = 0.25});
    }
  } model;
  const auto kept = std::make_shared<Kept>();
  TrainerOptions options = quiet({.max_epochs = 1, .logger = kept});
  options.callbacks = {
      LearningRateMonitor({.logging_interval = Interval::kEpoch,
                           .log_momentum = true,
                           .log_weight_decay = true})};
  Trainer(options).fit(model, line_batches(1));
  EXPECT_EQ(kept->rates, (Rows{{"lr-AdamW", 0, 1e-3},
                               {"lr-AdamW-momentum", 0, 0.8},
                               {"lr-AdamW-weight_decay", 0, 0.25}}));
}

TEST(LearningRateMonitor, KnowsTheMomentumOfTorchsOptimizers) {
  using namespace torch::optim;
  struct Model : Line {
    OptimizerConfig configure_optimizers() override { return make(*this); }
    std::function<OptimizerConfig(Model&)> make{};
  } model;
  const auto extras = [&](std::function<OptimizerConfig(Model&)> make) {
    model.make = std::move(make);
    const auto kept = std::make_shared<Kept>();
    TrainerOptions options = quiet({.max_epochs = 1, .logger = kept});
    options.callbacks = {
        LearningRateMonitor({.logging_interval = Interval::kEpoch,
                             .log_momentum = true,
                             .log_weight_decay = true})};
    Trainer(options).fit(model, line_batches(1));
    return std::pair(std::get<2>(kept->rates.at(1)),
                     std::get<2>(kept->rates.at(2)));
  };
  const std::tuple betas{0.8, 0.99};
  EXPECT_EQ(extras([&](Model& m) -> OptimizerConfig {
              return Adam(m.parameters(),
                          AdamOptions().betas(betas).weight_decay(0.1));
            }),
            std::pair(0.8, 0.1));
  EXPECT_EQ(extras([&](Model& m) -> OptimizerConfig {
              return AdamW(m.parameters(),
                           AdamWOptions().betas(betas).weight_decay(0.2));
            }),
            std::pair(0.8, 0.2));
  EXPECT_EQ(extras([&](Model& m) -> OptimizerConfig {
              return RMSprop(m.parameters(),
                             RMSpropOptions().momentum(0.7).weight_decay(0.3));
            }),
            std::pair(0.7, 0.3));
  EXPECT_EQ(extras([&](Model& m) -> OptimizerConfig {
              return Adagrad(m.parameters(),
                             AdagradOptions().weight_decay(0.4));
            }),
            std::pair(0.0, 0.4));
}

TEST(LearningRateMonitor, NumbersSchedulesOfOneOptimizer) {
  struct Model : Line {
    OptimizerConfig configure_optimizers() override {
      auto sgd = std::make_shared<torch::optim::SGD>(parameters(), 1.0);
      const auto schedule = [&](std::optional<std::string> name,
                                Interval interval) {
        return LRSchedulerConfig{.scheduler = torch::optim::StepLR(*sgd, 9),
                                 .interval = interval,
                                 .name = std::move(name)};
      };
      return {{.optimizer = sgd,
               .lr_schedulers = {schedule("lr/first", Interval::kEpoch),
                                 schedule({}, Interval::kEpoch),
                                 schedule({}, Interval::kStep),
                                 schedule("lr/last", Interval::kEpoch)}}};
    }
  } model;
  const auto kept = std::make_shared<Kept>();
  TrainerOptions options = quiet({.max_epochs = 1, .logger = kept});
  options.log_every_n_steps = 1;
  options.callbacks = {LearningRateMonitor()};
  Trainer(options).fit(model, line_batches(1));
  EXPECT_EQ(kept->rates, (Rows{{"lr-SGD", 0, 1.0},
                               {"lr/first", 0, 1.0},
                               {"lr/last-1", 0, 1.0},
                               {"lr-SGD-1", 0, 1.0}}));
}

TEST(LearningRateMonitor, CanBeMonitoredAndNeedsALogger) {
  Scheduled model({.interval = Interval::kEpoch});
  TrainerOptions options =
      quiet({.max_epochs = 3, .logger = std::make_shared<Kept>()});
  options.callbacks = {LearningRateMonitor()};
  Trainer trainer(options);
  trainer.fit(model, line_batches(2));
  EXPECT_EQ(trainer.callback_metrics().at("lr-SGD"), 0.5);

  TrainerOptions none = quiet({.max_epochs = 1});
  none.callbacks = {LearningRateMonitor()};
  EXPECT_TRUE(has(message_of<ConfigError>(
                      [&] { Trainer(none).fit(model, line_batches(2)); }),
                  {"LearningRateMonitor", "no logger"}));
}

}  // namespace
}  // namespace bolt
