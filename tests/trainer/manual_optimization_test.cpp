#include <gtest/gtest.h>

#include <cmath>

#include "support/log_capture.h"
#include "support/pair.h"

namespace bolt {
namespace {

using testing::has;
using testing::line_batches;
using testing::message_of;
using testing::Pair;
using testing::quiet;
using testing::refused;

TEST(ManualOptimization, TheModuleStepsAndEachStepCounts) {
  Pair model;
  model.step = [&](StepContext& context) -> StepOutput {
    const auto both = model.optimizers();
    both[0].zero_grad();
    model.manual_backward((model.a * model.a).sum());
    both[0].step();
    if (context.batch_idx % 2 == 0) {
      auto second = model.optimizer(1);
      second.zero_grad();
      model.manual_backward((model.b * model.b).sum());
      second.step();
    }
    return {};
  };
  Trainer trainer(quiet({.max_epochs = 2}));
  trainer.fit(model, line_batches(3));
  EXPECT_EQ(trainer.global_step(), 10);
  EXPECT_EQ(trainer.progress().manual_steps.total.completed, 10);
  EXPECT_EQ(trainer.progress().optimizer_steps.total.completed, 0);
  EXPECT_NEAR(model.a.item<double>(), std::pow(0.8, 6), 1e-6);
  EXPECT_NEAR(model.b.item<double>(), std::pow(0.8, 4), 1e-6);
  const std::vector<std::string> first(model.calls.begin(),
                                       model.calls.begin() + 5);
  EXPECT_EQ(first,
            (std::vector<std::string>{
                "training_step", "on_before_backward", "on_after_backward",
                "on_before_optimizer_step", "on_before_backward"}));
  for (const char* automatic : {"on_before_zero_grad", "optimizer_step",
                                "configure_gradient_clipping"}) {
    EXPECT_EQ(std::ranges::count(model.calls, automatic), 0) << automatic;
  }
}

TEST(ManualOptimization, MaxStepsCountsStepsMadeByHand) {
  Pair model;
  model.step = [&](StepContext&) -> StepOutput {
    for (const auto& optimizer : model.optimizers()) {
      model.manual_backward((model.a + model.b).sum());
      optimizer.step();
    }
    return {};
  };
  Trainer trainer(quiet({.max_epochs = 9, .max_steps = 4}));
  trainer.fit(model, line_batches(5));
  EXPECT_EQ(trainer.global_step(), 4);
}

TEST(ManualOptimization, ADeadModulesStepsAreStillKnown) {
  Trainer trainer(quiet({.max_epochs = 1}));
  {
    Pair model;
    model.step = [&](StepContext&) -> StepOutput {
      model.optimizer().step();
      return {};
    };
    trainer.fit(model, line_batches(3));
  }
  EXPECT_EQ(trainer.global_step(), 3);
}

TEST(ManualOptimization, StepsOutsideOfTheTrainingStepDontCount) {
  Pair model;
  model.batch_end = [&] { model.optimizer().step(); };
  Trainer trainer(quiet({.max_epochs = 1}));
  trainer.fit(model, line_batches(3));
  EXPECT_EQ(trainer.global_step(), 0);
  EXPECT_EQ(model.stepped.size(), 3u);  // its calls run nevertheless
}

TEST(ManualOptimization, ReturnsAreHandedOnDetachedAndWhole) {
  Pair model;
  model.step = [&](StepContext&) -> StepOutput {
    return {(model.a * 4).sum(), {{"extra", model.b.detach()}}};
  };
  Trainer(quiet({.max_epochs = 1})).fit(model, line_batches(1));
  EXPECT_EQ(model.last.loss().item<double>(), 4);
  EXPECT_FALSE(model.last.loss().requires_grad());
  EXPECT_NE(model.last.extra().find("extra"), nullptr);
}

// LBFGS calls it as often as it likes: one step, several evaluations.
TEST(ManualOptimization, LBFGSCallsItsClosureSeveralTimes) {
  Pair model;
  model.configure = [&]() -> OptimizerConfig {
    return torch::optim::LBFGS(std::vector{model.a},
                               torch::optim::LBFGSOptions(0.5).max_iter(4));
  };
  int evaluations = 0;
  double first = 0;
  model.step = [&](StepContext& context) -> StepOutput {
    auto optimizer = model.optimizer();
    const at::Tensor loss = optimizer.step([&] {
      ++evaluations;
      optimizer.zero_grad();
      auto value = (model.a - 3).square().sum();
      model.manual_backward(value);
      return value;
    });
    if (context.batch_idx == 0) first = loss.item<double>();
    return {};
  };
  Trainer trainer(quiet({.max_epochs = 1}));
  trainer.fit(model, line_batches(2));
  EXPECT_EQ(trainer.global_step(), 2);
  EXPECT_GT(evaluations, 4);
  EXPECT_EQ(model.stepped.size(), static_cast<std::size_t>(evaluations));
  EXPECT_EQ(first, 4);
  EXPECT_NEAR(model.a.item<double>(), 3, 0.05);
}

TEST(ManualOptimization, LBFGSWithoutAClosureIsExplained) {
  Pair model;
  model.step = [&](StepContext&) -> StepOutput {
    model.optimizer().step();
    return {};
  };
  const char* const tip = "manual_backward(loss); return loss; }";
  model.configure = [&]() -> OptimizerConfig {
    return torch::optim::LBFGS(std::vector{model.a});
  };
  EXPECT_TRUE(has(refused(model), {"LBFGS", "closure", tip}));
  model.configure = [&]() -> OptimizerConfig {
    return optim::LBFGS(std::vector{model.a});
  };
  EXPECT_TRUE(has(refused(model), {"LBFGS", "closure", tip}));
  EXPECT_TRUE(model.stepped.empty());
}

// Nothing to step on is no error, whatever the precision.
TEST(ManualOptimization, AClosureMayLeaveTheBackwardPassOut) {
  for (const Precision precision : {Precision::k32True, Precision::k16Mixed}) {
    Pair model;
    model.step = [&](StepContext& context) -> StepOutput {
      auto optimizer = model.optimizer(0);
      optimizer.zero_grad();
      model.clip_gradients(optimizer, 1.0);
      return optimizer.step([&] {
        auto loss = model.a.sum();
        if (context.batch_idx == 1) model.manual_backward(loss);
        return loss;
      });
    };
    Trainer trainer(quiet({.max_epochs = 1, .precision = precision}));
    trainer.fit(model, line_batches(3));
    EXPECT_NEAR(model.a.item<double>(), 0.9, 1e-6) << to_string(precision);
    EXPECT_EQ(trainer.global_step(), 3);
  }
}

TEST(ManualOptimization, SchedulesStepWhenTheModuleSaysSo) {
  Pair model;
  double lr = 0;
  model.configure = [&]() -> OptimizerConfig {
    auto first = Pair::sgd(model.a);
    auto second = Pair::sgd(model.b);
    torch::optim::StepLR halve(*second, 1, 0.5);
    halve.step();  // the first one leaves the rate as it is
    return {{.optimizer = first},
            {.optimizer = second, .lr_schedulers = {{.scheduler = halve}}}};
  };
  model.step = [&](StepContext& context) -> StepOutput {
    EXPECT_EQ(model.lr_schedulers().size(), 1u);
    EXPECT_TRUE(has(message_of<ConfigError>([&] { model.lr_scheduler(1); }),
                    {"lr_scheduler", "got 1", "one of 1"}));
    if (context.batch_idx > 0) model.lr_scheduler().step();
    lr = model.optimizer(1).optimizer().param_groups()[0].options().get_lr();
    return {};
  };
  Trainer trainer(quiet({.max_epochs = 1}));
  trainer.fit(model, line_batches(3));
  EXPECT_NEAR(lr, 0.1 / 4, 1e-12);
  EXPECT_EQ(trainer.lr_scheduler_configs()[0].optimizer_idx, 1u);
}

TEST(ManualOptimization, ClippingGivesTheNormBack) {
  Pair model;
  double norm = 0;
  model.step = [&](StepContext&) -> StepOutput {
    model.manual_backward((model.a * 5).sum());
    const at::Tensor before = model.clip_gradients(model.optimizer(0), 0.5);
    norm = before.item<double>();
    EXPECT_NEAR(model.a.grad().item<double>(), 0.5, 1e-5);
    model.log("grad", before);
    EXPECT_FALSE(
        model.clip_gradients(model.optimizer(0), 0.1, ClipAlgorithm::kValue)
            .defined());
    EXPECT_TRUE(has(message_of<ConfigError>([&] {
                      model.clip_gradients(model.optimizer(0), std::nan(""));
                    }),
                    {"clip_gradients", "no number"}));
    return {};
  };
  Trainer trainer(quiet({.max_epochs = 1}));
  trainer.fit(model, line_batches(1));
  EXPECT_EQ(norm, 5);
  EXPECT_EQ(trainer.callback_metrics().at("grad"), 5);
}

TEST(ManualOptimization, TheTrainersOwnClippingAndAccumulationAreRefused) {
  Pair model;
  EXPECT_TRUE(has(refused(model, {.max_epochs = 1, .gradient_clip_val = 0.5}),
                  {"gradient_clip_val", "0.5", "manual"}));
  EXPECT_TRUE(
      has(refused(model, {.max_epochs = 1, .accumulate_grad_batches = 2}),
          {"accumulate_grad_batches", "2", "manual"}));
  EXPECT_TRUE(model.calls.empty());
  Trainer(quiet({.max_epochs = 1, .gradient_clip_val = 0.0}))
      .fit(model, line_batches(1));
  EXPECT_FALSE(model.calls.empty());
}

TEST(ManualOptimization, APassThatOnlyMeasuresIsForAutomaticOptimization) {
  Pair model;
  model.step = [&](StepContext&) -> StepOutput {
    model.trainer().set_forward_only(true);
    return {};
  };
  EXPECT_TRUE(has(refused(model), {"set_forward_only", "optimizes by hand"}));
}

TEST(ManualOptimization, ManualBackwardIsForManualOptimization) {
  Pair model;
  model.automatic_optimization = true;
  model.configure = [&]() -> OptimizerConfig { return Pair::sgd(model.a); };
  model.step = [&](StepContext&) -> StepOutput {
    model.manual_backward(model.a.sum());
    return {};
  };
  EXPECT_TRUE(has(refused(model), {"manual_backward", "automatic"}));
  Trainer trainer(quiet({.max_epochs = 1}));
  model.step = {};
  model.automatic_optimization = false;
  trainer.fit(model, line_batches(1));
  EXPECT_TRUE(has(message_of<ConfigError>([&] { model.optimizers(); }),
                  {"in a fit only"}));
}

TEST(ManualOptimization, OptimizersAreFoundByName) {
  Pair model;
  model.configure = [&]() -> OptimizerConfig {
    return {{.optimizer = Pair::sgd(model.a), .name = "generator"},
            {.optimizer = Pair::sgd(model.b), .name = "discriminator"}};
  };
  model.step = [&](StepContext&) -> StepOutput {
    EXPECT_EQ(&model.optimizer("discriminator").optimizer(),
              &model.optimizer(1).optimizer());
    EXPECT_EQ(model.optimizer(0).name(), "generator");
    model.optimizer("genarator");
    return {};
  };
  EXPECT_TRUE(has(refused(model), {"genarator", "generator, discriminator",
                                   "did you mean \"generator\""}));
  model.step = [&](StepContext&) -> StepOutput {
    model.optimizer(2);
    return {};
  };
  EXPECT_TRUE(has(refused(model), {"one of 2"}));
}

TEST(ManualOptimization, ThereAreNoOptimizersInAValidation) {
  struct Asks : testing::Line {
    void on_validation_start() override { optimizers(); }
  } model;
  EXPECT_TRUE(has(message_of<ConfigError>([&] {
                    Trainer(quiet()).validate(model, line_batches(1));
                  }),
                  {"optimizers", "in a fit only"}));
}

TEST(ManualOptimization, SettingsOfAutomaticSchedulesAreReported) {
  const testing::LogCapture log;
  Pair model;
  model.configure = [&]() -> OptimizerConfig {
    auto sgd = Pair::sgd(model.a);
    return {sgd,
            LRSchedulerConfig{
                .scheduler = torch::optim::ReduceLROnPlateauScheduler(*sgd),
                .monitor = "loss"}};
  };
  Trainer(quiet({.max_epochs = 1})).fit(model, line_batches(1));
  EXPECT_EQ(log.count("no effect under manual optimization"), 1);
}

}  // namespace
}  // namespace bolt
