#include <gtest/gtest.h>

#include <cmath>

#include "support/errors.h"
#include "support/log_capture.h"
#include "support/models.h"

namespace bolt {
namespace {

using testing::Example;
using testing::has;
using testing::line_batches;
using testing::message_of;
using testing::quiet;

torch::Tensor weight(double value) {
  return torch::full({1}, value, torch::kFloat);
}

// Two numbers, each with an optimizer of its own; `step` is the training step.
struct Pair : LightningModule<> {
  Pair() {
    automatic_optimization = false;
    a = register_parameter("a", weight(1));
    b = register_parameter("b", weight(1));
  }
  StepOutput training_step(const Batch&, StepContext& context) override {
    calls.push_back("training_step");
    return step ? step(context) : StepOutput();
  }
  OptimizerConfig configure_optimizers() override {
    if (configure) return configure();
    return {sgd(a), sgd(b)};
  }
  static std::shared_ptr<torch::optim::SGD> sgd(const torch::Tensor& of) {
    return std::make_shared<torch::optim::SGD>(std::vector{of}, 0.1);
  }
  void on_before_backward(const at::Tensor&) override {
    calls.push_back("on_before_backward");
  }
  void on_after_backward() override { calls.push_back("on_after_backward"); }
  void on_before_zero_grad(torch::optim::Optimizer&) override {
    calls.push_back("on_before_zero_grad");
  }
  void on_before_optimizer_step(torch::optim::Optimizer& which) override {
    calls.push_back("on_before_optimizer_step");
    stepped.push_back(&which);
  }
  void configure_gradient_clipping(torch::optim::Optimizer&,
                                   std::optional<double>,
                                   std::optional<ClipAlgorithm>) override {
    calls.push_back("configure_gradient_clipping");
  }
  void optimizer_step(int64_t, int64_t, torch::optim::Optimizer& optimizer,
                      const std::function<at::Tensor()>& closure) override {
    calls.push_back("optimizer_step");
    optimizer.step(closure);
  }
  void on_train_batch_end(const StepOutput& outputs, const Batch&,
                          const StepContext&) override {
    last = outputs;
    if (batch_end) batch_end();
  }

  torch::Tensor a;
  torch::Tensor b;
  std::function<StepOutput(StepContext&)> step{};
  std::function<OptimizerConfig()> configure{};
  std::function<void()> batch_end{};
  std::vector<std::string> calls{};
  std::vector<torch::optim::Optimizer*> stepped{};
  StepOutput last{};
};

std::string refused(Pair& model, TrainerOptions options = {.max_epochs = 1}) {
  return message_of<ConfigError>(
      [&] { Trainer(quiet(options)).fit(model, line_batches(2)); });
}

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
  model.configure = [&]() -> OptimizerConfig {
    return torch::optim::LBFGS(std::vector{model.a});
  };
  model.step = [&](StepContext&) -> StepOutput {
    model.optimizer().step();
    return {};
  };
  EXPECT_TRUE(has(refused(model), {"LBFGS", "closure"}));
}

TEST(ManualOptimization, AToggledOptimizerAloneGetsGradients) {
  Pair model;
  model.step = [&](StepContext&) -> StepOutput {
    auto second = model.optimizer(1);
    {
      const auto scope = model.toggled_optimizer(second);
      EXPECT_FALSE(model.a.requires_grad());
      EXPECT_TRUE(model.b.requires_grad());
      model.manual_backward((model.a * model.b).sum());
    }
    EXPECT_TRUE(model.a.requires_grad());
    EXPECT_FALSE(model.a.grad().defined());
    EXPECT_TRUE(model.b.grad().defined());
    {
      const auto scope = second.toggle_model(/*sync_grad=*/false);
      EXPECT_FALSE(model.a.requires_grad());
    }
    EXPECT_TRUE(model.a.requires_grad());
    return {};
  };
  Trainer(quiet({.max_epochs = 1})).fit(model, line_batches(1));
}

TEST(ManualOptimization, TogglingKeepsWhatWasFrozen) {
  Pair model;
  model.a.requires_grad_(false);
  model.step = [&](StepContext&) -> StepOutput {
    model.toggle_optimizer(model.optimizer(0));
    EXPECT_FALSE(model.a.requires_grad());
    EXPECT_FALSE(model.b.requires_grad());
    model.untoggle_optimizer(model.optimizer(0));
    EXPECT_FALSE(model.a.requires_grad());
    EXPECT_TRUE(model.b.requires_grad());
    return {};
  };
  Trainer(quiet({.max_epochs = 1})).fit(model, line_batches(1));
}

// An exception between the two leaves nothing off.
TEST(ManualOptimization, AToggleDoesntOutliveItsFit) {
  Pair model;
  model.step = [&](StepContext&) -> StepOutput {
    model.toggle_optimizer(model.optimizer(0));
    throw std::runtime_error("on purpose");
  };
  Trainer trainer(quiet({.max_epochs = 1}));
  EXPECT_THROW(trainer.fit(model, line_batches(1)), std::runtime_error);
  EXPECT_TRUE(model.b.requires_grad());
}

TEST(ManualOptimization, TogglesThatDontFitAreRefused) {
  Pair model;
  model.step = [&](StepContext&) -> StepOutput {
    model.toggle_optimizer(model.optimizer(0));
    model.toggle_optimizer(model.optimizer(1));
    return {};
  };
  EXPECT_TRUE(has(refused(model), {"toggle_optimizer", "already"}));
  const auto foreign = Pair::sgd(torch::zeros({1}));
  model.step = [&](StepContext&) -> StepOutput {
    model.toggle_optimizer(*foreign);
    return {};
  };
  EXPECT_TRUE(has(refused(model), {"toggle_optimizer", "none of the fit's"}));
  EXPECT_TRUE(model.a.requires_grad());
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

TEST(GradNorm, GivesEachLayersAndTheTotalUnderLightningsNames) {
  Pair model;
  EXPECT_TRUE(grad_norm(model, 2).empty());
  ((model.a * 3).sum() + (model.b * 4).sum()).backward();
  const auto names = [&](double p) {
    std::map<std::string, double> all;
    for (const auto& [name, value] : grad_norm(model, p)) {
      all[name] = value.item<double>();
    }
    return all;
  };
  EXPECT_EQ(names(2),
            (std::map<std::string, double>{{"grad_2.0_norm/a", 3},
                                           {"grad_2.0_norm/b", 4},
                                           {"grad_2.0_norm_total", 5}}));
  EXPECT_EQ(names(INFINITY).at("grad_inf_norm_total"), 4);
  EXPECT_EQ(names(1).at("grad_1.0_norm_total"), 7);
  EXPECT_EQ(names(0.5).count("grad_0.5_norm/a"), 1u);
  EXPECT_THROW(grad_norm(model, 0), ConfigError);
  EXPECT_THROW(grad_norm(model, NAN), ConfigError);
}

}  // namespace
}  // namespace bolt
