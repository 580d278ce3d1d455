#include <gtest/gtest.h>

#include <cmath>

#include "support/errors.h"
#include "support/log_capture.h"
#include "support/models.h"

namespace bolt {
namespace {

using testing::has;
using testing::Line;
using testing::line_batches;
using testing::LogCapture;
using testing::message_of;
using testing::quiet;
using SWA = StochasticWeightAveraging;

at::Tensor weight_of(Module& module) {
  return module.named_parameters()["layer.weight"].detach().clone();
}

// What each epoch begins with.
struct Watch : Callback {
  void on_train_epoch_start(Trainer& trainer, Module& m) override {
    weights.push_back(weight_of(m));
    lrs.push_back(
        trainer.optimizers()[0]->param_groups()[0].options().get_lr());
  }
  std::vector<at::Tensor> weights{};
  std::vector<double> lrs{};
};

TrainerOptions with(CallbackHandle swa, std::shared_ptr<Watch> watch,
                    int64_t epochs) {
  TrainerOptions options = quiet({.max_epochs = epochs});
  options.callbacks = {std::move(swa), std::move(watch)};
  return options;
}

at::Tensor mean_of(const std::vector<at::Tensor>& all, std::size_t from) {
  return torch::stack(
             std::vector<at::Tensor>(
                 all.begin() + static_cast<std::ptrdiff_t>(from), all.end()))
      .mean(0);
}

TEST(StochasticWeightAveraging, LeavesTheMeanOfWhatItsEpochsBeganWith) {
  const auto watch = std::make_shared<Watch>();
  Line model;
  Trainer trainer(
      with(SWA({.swa_lrs = {0.05},
                .swa_epoch_start = 2,
                .annealing_epochs = 2,
                .annealing_strategy = optim::AnnealStrategy::kLinear}),
           watch, 5));
  trainer.fit(model, line_batches(3));
  EXPECT_EQ(trainer.current_epoch(), 5);
  EXPECT_EQ(trainer.callback<SWA>().n_averaged(), 4);
  EXPECT_TRUE(torch::allclose(weight_of(model), mean_of(watch->weights, 1),
                              1e-5, 1e-6));
  // The schedule's first step comes after the epoch that it began in.
  const std::vector<double> expected{0.1, 0.1, 0.075, 0.05, 0.05};
  ASSERT_EQ(watch->lrs.size(), expected.size());
  for (std::size_t k = 0; k < expected.size(); ++k) {
    EXPECT_NEAR(watch->lrs[k], expected[k], 1e-12) << k;
  }
}

// Values of Lightning 2.6.6 for the same settings.
TEST(StochasticWeightAveraging, TakesLightningsLearningRates) {
  const auto watch = std::make_shared<Watch>();
  Line model;
  Trainer trainer(with(
      SWA({.swa_lrs = {0.02}, .swa_epoch_start = 0.5, .annealing_epochs = 3}),
      watch, 8));
  trainer.fit(model, line_batches(1));
  const std::vector<double> expected{0.1,  0.1,  0.1,  0.1,
                                     0.08, 0.04, 0.02, 0.02};
  ASSERT_EQ(watch->lrs.size(), expected.size());
  for (std::size_t k = 0; k < expected.size(); ++k) {
    EXPECT_NEAR(watch->lrs[k], expected[k], 1e-12) << k;
  }
  EXPECT_EQ(trainer.callback<SWA>().n_averaged(), 5);
}

struct Scheduled : Line {
  OptimizerConfig configure_optimizers() override {
    auto sgd = std::make_shared<torch::optim::SGD>(parameters(), 0.1);
    return {sgd, torch::optim::StepLR(*sgd, 1, 0.5)};
  }
};

TEST(StochasticWeightAveraging, TakesThePlaceOfTheSchedule) {
  const auto watch = std::make_shared<Watch>();
  Scheduled model;
  LogCapture log;
  Trainer trainer(with(
      SWA({.swa_lrs = {0.01}, .swa_epoch_start = 3, .annealing_epochs = 0}),
      watch, 5));
  trainer.fit(model, line_batches(1));
  ASSERT_EQ(watch->lrs.size(), 5);
  EXPECT_EQ(log.count("takes the place of the module's"), 1);
  EXPECT_EQ(trainer.lr_scheduler_configs().size(), 1);
  EXPECT_EQ(watch->lrs[2], 0.01) << "at once";
  EXPECT_EQ(watch->lrs[3], 0.01);
  EXPECT_EQ(watch->lrs[4], 0.01);
}

TEST(StochasticWeightAveraging, AveragesAsItIsToldTo) {
  const auto watch = std::make_shared<Watch>();
  Line model;
  Trainer trainer(with(
      SWA({.swa_lrs = {0.05},
           .swa_epoch_start = 1,
           .avg_fn =
               [](const at::Tensor& average, const at::Tensor& now, int64_t n) {
                 EXPECT_GE(n, 1);
                 return 0.5 * average + 0.5 * now;
               },
           .device = std::nullopt}),
      watch, 3));
  trainer.fit(model, line_batches(2));
  const auto& w = watch->weights;
  EXPECT_TRUE(torch::allclose(weight_of(model),
                              0.5 * (0.5 * w[0] + 0.5 * w[1]) + 0.5 * w[2],
                              1e-5, 1e-6));
}

struct Normed : Line {
  Normed() { register_module("norm", norm); }
  StepOutput training_step(const Batch& batch, StepContext&) override {
    ++steps;
    auto x = layer->forward(batch.data);
    if (current_epoch() == 3) inputs.push_back(x.detach().mean().item<float>());
    return torch::mse_loss(norm->forward(x), batch.target);
  }
  int steps = 0;
  std::vector<float> inputs{};
  torch::nn::BatchNorm1d norm{torch::nn::BatchNorm1dOptions(1).momentum(0.3)};
};

TEST(StochasticWeightAveraging, MeasuresBatchNormsInAnEpochOfItsOwn) {
  Normed model;
  const auto watch = std::make_shared<Watch>();
  int optimizer_steps = 0;
  int backward_passes = 0;
  TrainerOptions options =
      with(SWA({.swa_lrs = {0.05}, .swa_epoch_start = 2}), watch, 3);
  options.callbacks.push_back(LambdaCallback(
      {.on_after_backward = [&](Trainer&, Module&) { ++backward_passes; },
       .on_before_optimizer_step =
           [&](Trainer&, Module&, torch::optim::Optimizer&) {
             ++optimizer_steps;
           }}));
  Trainer trainer(options);
  trainer.fit(model, line_batches(4));
  EXPECT_EQ(model.steps, 16) << "four epochs of four batches";
  EXPECT_EQ(optimizer_steps, 12);
  EXPECT_EQ(backward_passes, 12);
  EXPECT_EQ(trainer.global_step(), 12);
  EXPECT_EQ(trainer.max_epochs(), 3) << "as it was";
  EXPECT_EQ(model.norm->options.momentum(), 0.3) << "as it was";
  // Mean of the two epochs' beginnings, not changed after that.
  const at::Tensor mean =
      torch::stack({watch->weights[1], watch->weights[2]}).mean(0);
  EXPECT_TRUE(torch::allclose(weight_of(model), mean, 1e-5, 1e-6));
  EXPECT_EQ(model.norm->num_batches_tracked.item<int64_t>(), 4);
  ASSERT_EQ(model.inputs.size(), 4);
  const float of_batches =
      (model.inputs[0] + model.inputs[1] + model.inputs[2] + model.inputs[3]) /
      4;
  EXPECT_NEAR(model.norm->running_mean.item<float>(), of_batches, 1e-5);
}

TEST(StochasticWeightAveraging, LeavesAFitThatEndsEarlyItsOwnWeights) {
  struct Stops : Callback {
    void on_train_epoch_end(Trainer& trainer, Module& module) override {
      if (trainer.current_epoch() == 2) {
        weight = weight_of(module);
        trainer.request_stop();
      }
    }
    at::Tensor weight{};
  };
  const auto stops = std::make_shared<Stops>();
  Line model;
  TrainerOptions options = quiet({.max_epochs = 8});
  options.callbacks = {SWA({.swa_lrs = {0.05}, .swa_epoch_start = 1}), stops};
  LogCapture log;
  Trainer trainer(options);
  trainer.fit(model, line_batches(2));
  EXPECT_TRUE(torch::equal(weight_of(model), stops->weight));
  EXPECT_EQ(log.count("keeps the weights of training"), 1);
  EXPECT_FALSE(torch::equal(
      trainer.callback<SWA>().weights().at("layer.weight").as_tensor(),
      stops->weight));
}

// There the module alone steps schedules, this one too.
TEST(StochasticWeightAveraging, UnderManualOptimizationTheModuleSteps) {
  struct ByHand : Line {
    ByHand() { automatic_optimization = false; }
    StepOutput training_step(const Batch& batch, StepContext&) override {
      const auto sgd = optimizers()[0];
      sgd.zero_grad();
      manual_backward(loss_of(batch));
      sgd.step();
      return {};
    }
    void on_train_epoch_end() override {
      for (LRScheduler* schedule : lr_schedulers()) schedule->step();
    }
  } model;
  const LogCapture log;
  const auto watch = std::make_shared<Watch>();
  Trainer trainer(
      with(SWA({.swa_lrs = {0.05},
                .swa_epoch_start = 2,
                .annealing_epochs = 2,
                .annealing_strategy = optim::AnnealStrategy::kLinear}),
           watch, 5));
  trainer.fit(model, line_batches(2));
  EXPECT_EQ(log.count("step it after each epoch, or swa_lrs has no effect"), 1);
  ASSERT_EQ(watch->lrs.size(), 5);
  EXPECT_EQ(watch->lrs[1], 0.1);
  EXPECT_NEAR(watch->lrs[2], 0.075, 1e-9);
  EXPECT_NEAR(watch->lrs[4], 0.05, 1e-9);
  EXPECT_TRUE(torch::allclose(weight_of(model), mean_of(watch->weights, 1)));
}

TEST(StochasticWeightAveraging, RefusesWhatItCantDo) {
  EXPECT_THROW(SWA({}), ConfigError);
  EXPECT_TRUE(has(message_of<ConfigError>([] { SWA({.swa_lrs = {-0.1}}); }),
                  {"out of range", "-0.1"}));
  EXPECT_THROW(SWA({.swa_lrs = {0.1}, .swa_epoch_start = 0}), ConfigError);
  EXPECT_THROW(SWA({.swa_lrs = {0.1}, .swa_epoch_start = 1.5}), ConfigError);
  EXPECT_THROW(SWA({.swa_lrs = {0.1}, .annealing_epochs = -1}), ConfigError);

  const auto refuses = [](auto&& model, SWA swa, int64_t epochs,
                          std::initializer_list<const char*> parts) {
    TrainerOptions options = quiet({.max_epochs = epochs, .max_steps = 4});
    options.callbacks = {std::move(swa)};
    EXPECT_TRUE(has(message_of<ConfigError>(
                        [&] { Trainer(options).fit(model, line_batches(1)); }),
                    parts));
  };
  refuses(Line(), SWA({.swa_lrs = {0.1}}), -1, {"max_epochs=-1", "share"});
  refuses(Line(), SWA({.swa_lrs = {0.1, 0.2}}), 2,
          {"one learning rate for each parameter group", "got 2"});
  struct Two : Line {
    OptimizerConfig configure_optimizers() override {
      const auto all = parameters();
      auto a = std::make_shared<torch::optim::SGD>(std::vector{all[0]}, 0.5);
      auto b = std::make_shared<torch::optim::SGD>(std::vector{all[1]}, 0.5);
      return {{.optimizer = a, .name = "a"}, {.optimizer = b, .name = "b"}};
    }
  };
  refuses(Two(), SWA({.swa_lrs = {0.1}}), 2, {"one optimizer", "got 2"});
  struct Schedules : Line {
    OptimizerConfig configure_optimizers() override {
      auto sgd = std::make_shared<torch::optim::SGD>(parameters(), 0.1);
      return {sgd, std::vector<LRSchedulerConfig>{
                       {.scheduler = torch::optim::StepLR(*sgd, 1, 0.5)},
                       {.scheduler = torch::optim::StepLR(*sgd, 2, 0.5)}}};
    }
  };
  refuses(Schedules(), SWA({.swa_lrs = {0.1}}), 2, {"several", "at most 1"});
}

TEST(StochasticWeightAveraging, RefusesTheStateOfAnotherModule) {
  SWA swa({.swa_lrs = {0.1}});
  swa.load_state(State::map(
      {{"n_averaged", 2},
       {"latest_update_epoch", 1},
       {"scheduler_state", State()},
       {"average_model_state", State::map({{"x", at::ones({1})}})}}));
  Line model;
  TrainerOptions options = quiet({.max_epochs = 2});
  options.callbacks = {std::move(swa)};
  EXPECT_TRUE(has(message_of<CheckpointError>(
                      [&] { Trainer(options).fit(model, line_batches(1)); }),
                  {"another module's", "layer.weight"}));
}

}  // namespace
}  // namespace bolt
