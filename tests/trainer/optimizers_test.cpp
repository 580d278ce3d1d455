#include <gtest/gtest.h>

#include "support/errors.h"
#include "support/models.h"

namespace bolt {
namespace {

using testing::has;
using testing::Line;
using testing::line_batches;
using testing::message_of;
using testing::quiet;

// A model whose loss has the gradient 1, 2, 3, … of batch 0, 1, 2, … in both of
// its parameters; optimizers with lr 1 subtract what they are given.
struct Ramp : LightningModule<> {
  Ramp() {
    a = register_parameter("a", torch::zeros({1}));
    b = register_parameter("b", torch::zeros({1}));
  }
  StepOutput training_step(const Batch&, StepContext& step) override {
    return ((a + b) * static_cast<double>(step.batch_idx + 1)).sum();
  }
  OptimizerConfig configure_optimizers() override { return configure(); }
  void optimizer_step(int64_t epoch, int64_t batch_idx,
                      torch::optim::Optimizer& optimizer,
                      const std::function<at::Tensor()>& closure) override {
    Module::optimizer_step(epoch, batch_idx, optimizer, closure);
    steps.push_back({a.item<double>(), b.item<double>()});
  }
  void optimizer_zero_grad(int64_t epoch, int64_t batch_idx,
                           torch::optim::Optimizer& optimizer) override {
    ++zero_grads;
    Module::optimizer_zero_grad(epoch, batch_idx, optimizer);
  }
  void validation_step(const Batch&, StepContext&) override {}
  static std::shared_ptr<torch::optim::SGD> sgd(const torch::Tensor& of) {
    return std::make_shared<torch::optim::SGD>(std::vector{of}, 1.0);
  }

  torch::Tensor a;
  torch::Tensor b;
  std::function<OptimizerConfig()> configure = [this]() -> OptimizerConfig {
    return {{.optimizer = sgd(a), .name = "a"},
            {.optimizer = sgd(b), .name = "b", .every_n_batches = 2}};
  };
  std::vector<std::pair<double, double>> steps{};
  int zero_grads = 0;
};

std::string refused(Ramp& model, TrainerOptions options = {.max_epochs = 1}) {
  return message_of<ConfigError>(
      [&] { Trainer(quiet(options)).fit(model, line_batches(2)); });
}

TEST(SeveralOptimizers, EachStepsAtItsOwnCadence) {
  Ramp model;
  Trainer trainer(quiet({.max_epochs = 1}));
  trainer.fit(model, line_batches(5));
  // a each batch; b the mean of 1 and 2, of 3 and 4, and what is left over.
  const std::vector<std::pair<double, double>> wanted{
      {-1, 0},     {-3, 0},   {-3, -1.5}, {-6, -1.5},
      {-10, -1.5}, {-10, -5}, {-15, -5},  {-15, -7.5}};
  EXPECT_EQ(model.steps, wanted);
  EXPECT_EQ(trainer.global_step(), 5);  // batches on which somebody stepped
  EXPECT_EQ(model.zero_grads, 5 + 3);
}

TEST(SeveralOptimizers, ABatchOnWhichNobodyStepsIsNoGlobalStep) {
  Ramp model;
  model.configure = [&]() -> OptimizerConfig {
    return {
        {.optimizer = Ramp::sgd(model.a), .name = "a", .every_n_batches = 2},
        {.optimizer = Ramp::sgd(model.b), .name = "b", .every_n_batches = 3}};
  };
  Trainer trainer(quiet({.max_epochs = 1}));
  trainer.fit(model, line_batches(7));
  EXPECT_EQ(trainer.global_step(), 5);  // 2, 3, 4, 6, 7
  EXPECT_EQ(trainer.estimated_stepping_batches(), 5);
}

TEST(SeveralOptimizers, AValidationInBetweenKeepsOpenWindows) {
  Ramp model;
  Trainer trainer(quiet(
      {.max_epochs = 1, .val_check_interval = 1, .num_sanity_val_steps = 0}));
  trainer.fit(model, line_batches(4), line_batches(1));
  EXPECT_EQ(model.b.item<double>(), -1.5 - 3.5);
}

TEST(SeveralOptimizers, OneAloneMayHaveACadence) {
  Ramp model;
  model.configure = [&]() -> OptimizerConfig {
    return {{.optimizer = Ramp::sgd(model.a), .every_n_batches = 2}};
  };
  Trainer trainer(quiet({.max_epochs = 1}));
  trainer.fit(model, line_batches(4));
  EXPECT_EQ(model.a.item<double>(), -1.5 - 3.5);
  EXPECT_EQ(trainer.global_step(), 2);
}

TEST(SeveralOptimizers, EachIsClippedInItsOwnWay) {
  Ramp model;
  model.configure = [&]() -> OptimizerConfig {
    return {{.optimizer = Ramp::sgd(model.a),
             .name = "a",
             .gradient_clip_val = 0.5,
             .gradient_clip_algorithm = ClipAlgorithm::kValue},
            {.optimizer = Ramp::sgd(model.b), .name = "b"}};
  };
  Trainer(quiet({.max_epochs = 1, .gradient_clip_val = 2.0}))
      .fit(model, line_batches(4));
  EXPECT_NEAR(model.a.item<double>(), -4 * 0.5, 1e-5);
  EXPECT_NEAR(model.b.item<double>(), -1 - 3 * 2, 1e-5);
}

TEST(SeveralOptimizers, OneAloneIsClippedInItsWay) {
  struct Two : LightningModule<> {
    Two() { a = register_parameter("a", torch::zeros({2})); }
    StepOutput training_step(const Batch&, StepContext&) override {
      return a.sum();
    }
    OptimizerConfig configure_optimizers() override {
      return {{.optimizer = Ramp::sgd(a),
               .gradient_clip_val = 0.5,
               .gradient_clip_algorithm = ClipAlgorithm::kValue}};
    }
    torch::Tensor a;
  } model;
  Trainer(quiet({.max_epochs = 1})).fit(model, line_batches(1));
  EXPECT_TRUE(torch::equal(model.a, torch::full({2}, -0.5)));
}

TEST(SeveralOptimizers, AScheduleStepsWithItsOptimizer) {
  Ramp model;
  std::vector<double> lrs;
  std::shared_ptr<torch::optim::SGD> slow;
  model.configure = [&]() -> OptimizerConfig {
    slow = Ramp::sgd(model.b);
    torch::optim::StepLR halve(*slow, 1, 0.5);
    halve.step();
    return {
        {.optimizer = Ramp::sgd(model.a), .name = "a"},
        {.optimizer = slow,
         .lr_schedulers = {{.scheduler = halve, .interval = Interval::kStep}},
         .name = "b",
         .every_n_batches = 2}};
  };
  TrainerOptions options = quiet({.max_epochs = 1});
  options.callbacks = {LambdaCallback({.on_train_batch_end = [&](auto&&...) {
    lrs.push_back(slow->param_groups()[0].options().get_lr());
  }})};
  Trainer(options).fit(model, line_batches(4));
  EXPECT_EQ(lrs, (std::vector<double>{1, 0.5, 0.5, 0.25}));
}

TEST(SeveralOptimizers, NeedNamesUnderAutomaticOptimization) {
  Ramp model;
  model.configure = [&]() -> OptimizerConfig {
    return {Ramp::sgd(model.a), Ramp::sgd(model.b)};
  };
  EXPECT_TRUE(has(refused(model),
                  {"configure_optimizers", "automatic_optimization = false",
                   ".name", "2 optimizers"}));
  model.configure = [&]() -> OptimizerConfig {
    return {{.optimizer = Ramp::sgd(model.a), .name = "x"},
            {.optimizer = Ramp::sgd(model.b), .name = "x"}};
  };
  EXPECT_TRUE(has(refused(model), {"\"x\" twice"}));
  model.configure = [&]() -> OptimizerConfig {
    return {{.optimizer = Ramp::sgd(model.a), .name = "x"},
            {.optimizer = Ramp::sgd(model.a), .name = "y"}};
  };
  EXPECT_TRUE(has(refused(model), {"two optimizers have one parameter"}));
}

TEST(SeveralOptimizers, OneThatEvaluatesOftenerIsRefused) {
  Ramp model;
  model.configure = [&]() -> OptimizerConfig {
    return {{.optimizer = Ramp::sgd(model.a), .name = "a"},
            {.optimizer =
                 std::make_shared<torch::optim::LBFGS>(std::vector{model.b}),
             .name = "b"}};
  };
  EXPECT_TRUE(has(refused(model), {"several times", "\"b\""}));
}

TEST(SeveralOptimizers, ACadenceThatSaysSomethingTwiceIsRefused) {
  Ramp model;
  EXPECT_TRUE(
      has(refused(model, {.max_epochs = 1, .accumulate_grad_batches = 2}),
          {"accumulate_grad_batches", "\"b\""}));
  model.configure = [&]() -> OptimizerConfig {
    return {{.optimizer = Ramp::sgd(model.a), .every_n_batches = 0}};
  };
  EXPECT_TRUE(has(refused(model), {"every_n_batches", "0"}));
  model.automatic_optimization = false;
  model.configure = [&]() -> OptimizerConfig {
    return {{.optimizer = Ramp::sgd(model.a), .every_n_batches = 2}};
  };
  EXPECT_TRUE(has(refused(model), {"every_n_batches", "manual"}));
}

// LBFGS runs the whole training step each time it wants the loss.
TEST(AutomaticOptimization, LBFGSRunsTheStepSeveralTimes) {
  struct Solves : Line {
    OptimizerConfig configure_optimizers() override {
      return torch::optim::LBFGS(
          parameters(),
          torch::optim::LBFGSOptions(1).max_iter(20).line_search_fn(
              "strong_wolfe"));
    }
  };
  Solves model;
  std::map<std::string, int> count;
  model.on_hook = [&](const std::string& hook) { ++count[hook]; };
  Trainer trainer(quiet({.max_epochs = 1}));
  trainer.fit(model, line_batches(2, 7));
  EXPECT_EQ(trainer.global_step(), 2);
  EXPECT_GT(count["training_step"], 4);
  EXPECT_EQ(count["on_before_zero_grad"], count["training_step"]);
  EXPECT_EQ(count["on_before_optimizer_step"], count["training_step"]);
  EXPECT_NEAR(model.layer->weight.item<double>(), 2, 1e-3);
}

// Its gradient is that of the window, however often it asks for it.
TEST(AutomaticOptimization, LBFGSCountsTheBatchesOfAWindowOnce) {
  struct Solves : Line {
    explicit Solves(bool ours) : ours(ours) {
      const torch::NoGradGuard no_grad;
      layer->weight.fill_(0.5);
      layer->bias.fill_(0.25);
    }
    OptimizerConfig configure_optimizers() override {
      if (ours) return optim::LBFGS(parameters(), {.lr = 0.5, .max_iter = 3});
      return torch::optim::LBFGS(parameters(),
                                 torch::optim::LBFGSOptions(0.5).max_iter(3));
    }
    void on_before_optimizer_step(torch::optim::Optimizer&) override {
      // The last batch's at these weights, and the first one's at the old ones.
      const torch::AutoGradMode grad(true);
      const auto last =
          torch::autograd::grad({loss_of(batches[1]) / 2}, {layer->weight})[0];
      EXPECT_TRUE(torch::allclose(layer->weight.grad(), first + last));
      ++evaluations;
    }
    bool ours;
    std::vector<testing::Example> batches = line_batches(2);
    torch::Tensor first{};
    int evaluations = 0;
  };
  for (const bool ours : {true, false}) {
    Solves model(ours);
    model.first = torch::autograd::grad({model.loss_of(model.batches[0]) / 2},
                                        {model.layer->weight})[0];
    Trainer trainer(quiet({.max_epochs = 1, .accumulate_grad_batches = 2}));
    trainer.fit(model, model.batches);
    EXPECT_GT(model.evaluations, 2);
    EXPECT_EQ(trainer.global_step(), 1);
  }
}

TEST(BadOptimizers, AreRefusedBeforeTheFirstBatch) {
  Ramp model;
  const auto given = [&](OptimizerConfig config) {
    auto shared = std::make_shared<OptimizerConfig>(std::move(config));
    model.configure = [shared] { return *shared; };
    const std::string message = refused(model);
    EXPECT_TRUE(model.steps.empty());
    return message;
  };
  Ramp other;
  EXPECT_TRUE(has(given(Ramp::sgd(other.a)), {"isn't the module's", "[1]"}));
  EXPECT_TRUE(has(given(torch::optim::SGD(std::vector<at::Tensor>{}, 0.1)),
                  {"without parameters"}));
  EXPECT_TRUE(has(given(torch::optim::SGD(
                      std::vector<torch::optim::OptimizerParamGroup>{}, 0.1)),
                  {"has no parameters"}));
  std::vector<torch::optim::OptimizerParamGroup> groups;
  groups.emplace_back(std::vector{model.a});
  groups.emplace_back(std::vector<at::Tensor>{});
  EXPECT_TRUE(has(given(torch::optim::SGD(groups, 0.1)),
                  {"without parameters", "group 1"}));
  std::vector<torch::optim::OptimizerParamGroup> same;
  same.emplace_back(std::vector{model.a});
  same.emplace_back(std::vector{model.a});
  EXPECT_TRUE(has(given(torch::optim::SGD(same, 0.1)),
                  {"one parameter twice", "group 1"}));
  const auto twice = Ramp::sgd(model.a);
  EXPECT_TRUE(has(given({{.optimizer = twice, .name = "x"},
                         {.optimizer = twice, .name = "y"}}),
                  {"returned twice", "\"y\""}));
  EXPECT_TRUE(has(given({{.name = "x"}}), {"no optimizer", "\"x\""}));
  EXPECT_TRUE(has(given({{.optimizer = Ramp::sgd(model.a),
                          .gradient_clip_val = std::nan("")}}),
                  {"gradient_clip_val", "no number"}));
}

TEST(BadOptimizers, SchedulesThatCantStepAreRefusedToo) {
  Ramp model;
  const auto given = [&](LRSchedulerConfig schedule, bool plateau = false) {
    model.configure = [&]() -> OptimizerConfig {
      auto sgd = Ramp::sgd(model.a);
      if (plateau) {
        schedule.scheduler = torch::optim::ReduceLROnPlateauScheduler(*sgd);
      } else if (schedule.frequency < 1) {
        schedule.scheduler = torch::optim::StepLR(*sgd, 1);
      }
      return {sgd, schedule};
    };
    return refused(model);
  };
  EXPECT_TRUE(has(given({.frequency = 0}), {"frequency", "at least 1"}));
  EXPECT_TRUE(has(given({}, true), {"plateau", ".monitor"}));
  EXPECT_TRUE(has(given({}), {"no scheduler"}));
  EXPECT_TRUE(model.steps.empty());
}

TEST(BadOptimizers, AScheduleThatIsThereTwiceIsRefused) {
  Ramp model;
  const auto given = [&](auto make) {
    model.configure = [&]() -> OptimizerConfig {
      auto sgd = Ramp::sgd(model.a);
      const LRScheduler schedule = make(*sgd);
      const LRSchedulerConfig config{.scheduler = schedule, .monitor = "loss"};
      return {sgd, {config, config}};
    };
    return refused(model);
  };
  for (const std::string& message :
       {given([](auto& of) { return optim::StepLR(of, {.step_size = 1}); }),
        given([](auto& of) { return optim::ReduceLROnPlateau(of, {}); }),
        given([](auto& of) { return torch::optim::StepLR(of, 1); }),
        given([](auto& of) {
          return torch::optim::ReduceLROnPlateauScheduler(of);
        })}) {
    EXPECT_TRUE(has(message, {"returned twice", "optimizer 0"}));
  }
  EXPECT_TRUE(model.steps.empty());
}

TEST(BadOptimizers, AMonitorThatIsNotThereNamesTheOnesThatAre) {
  struct Watches : Line {
    OptimizerConfig configure_optimizers() override {
      auto sgd = std::make_shared<torch::optim::SGD>(parameters(), 0.1);
      return {sgd,
              LRSchedulerConfig{
                  .scheduler = torch::optim::ReduceLROnPlateauScheduler(*sgd),
                  .monitor = "los"}};
    }
  };
  Watches model;
  EXPECT_TRUE(
      has(message_of<ConfigError>([&] {
            Trainer(quiet({.max_epochs = 1})).fit(model, line_batches(2));
          }),
          {"los", "did you mean \"loss\""}));
}

// Under detect_anomaly, with a finite loss.
TEST(BadOptimizers, AGradientThatIsNotFiniteIsNamed) {
  struct Roots : Line {
    OptimizerConfig configure_optimizers() override {
      return torch::optim::SGD(parameters(), 0.1);
    }
    StepOutput training_step(const Batch& batch, StepContext& step) override {
      auto loss = Line::training_step(batch, step).loss();
      return step.batch_idx == 1 ? StepOutput(loss + poison.sqrt().sum())
                                 : StepOutput(loss);
    }
    void on_after_backward() override {
      if (poison.grad().defined()) poison.mutable_grad().fill_(INFINITY);
    }
    torch::Tensor poison = register_parameter("poison", torch::ones({1}));
  };
  Roots model;
  Trainer(quiet({.max_epochs = 1})).fit(model, line_batches(3));
  Roots again;
  EXPECT_TRUE(has(message_of<Error>([&] {
                    Trainer(quiet({.max_epochs = 1, .detect_anomaly = true}))
                        .fit(again, line_batches(3));
                  }),
                  {"gradient", "\"poison\"", "epoch 0", "batch 1"}));
}

}  // namespace
}  // namespace bolt
