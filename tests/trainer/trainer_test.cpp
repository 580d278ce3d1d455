#include <gtest/gtest.h>
#include <signal.h>

#include "support/errors.h"
#include "support/fake_clock.h"
#include "support/models.h"

namespace bolt {
namespace {

using namespace std::chrono_literals;
using testing::Example;
using testing::has;
using testing::Line;
using testing::line_batches;
using testing::message_of;
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

TEST(Trainer, TakesModulesInASharedPtrAndFromAFactory) {
  const auto batches = line_batches(2);
  Trainer trainer(quiet({.max_epochs = 1}));
  trainer.fit(std::make_shared<Line>(), batches);
  trainer.fit([] { return std::make_unique<Line>(); }, batches);
  EXPECT_EQ(trainer.module().parameters().size(), 2u);
  const auto shared = std::make_shared<Line>();
  EXPECT_EQ(trainer.test(shared, batches).size(), 1u);
  EXPECT_EQ(trainer.validate(shared, batches).size(), 1u);
  EXPECT_EQ(trainer.predict(shared, batches).size(), 1u);
  EXPECT_THROW(trainer.fit(std::shared_ptr<Line>(), batches), ConfigError);
  EXPECT_EQ(&trainer.module(), shared.get());
}

TEST(Trainer, EvaluatesTheModuleOfTheRunBefore) {
  const auto batches = line_batches(2);
  Trainer trainer(quiet({.max_epochs = 1}));
  EXPECT_TRUE(has(message_of<ConfigError>([&] { trainer.test(batches); }),
                  {"no module"}));
  {
    Line model;
    trainer.fit(model, batches);
    const auto named = trainer.test(model, batches);
    EXPECT_EQ(trainer.test(batches), named);
    EXPECT_EQ(trainer.validate(batches).size(), 1u);
    EXPECT_EQ(trainer.predict(batches)[0].size(), 2u);
    EXPECT_TRUE(has(message_of<ConfigError>([&] { trainer.test(); }),
                    {"no test loader"}));
  }
  EXPECT_THROW(trainer.test(batches), ConfigError);
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

TEST(Trainer, TransferHooksMayChangeTheBatchNotTheUsersData) {
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

TEST(Trainer, TransferHooksMayChangeTheBatchInPlace) {
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

TEST(Trainer, TheDataModulesTransferHookWins) {
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

TEST(Trainer, StopsByTheClock) {
  testing::FakeClock clock;
  Line model;
  int batches_run = 0;
  model.on_hook = [&](const std::string& hook) {
    if (hook == "on_train_batch_start") clock.advance(1min);
    if (hook == "on_train_batch_end") ++batches_run;
  };
  TrainerOptions options = quiet({.max_time = 10min});
  options.seams.clock = &clock;
  Trainer(options).fit(model, line_batches(100));
  EXPECT_EQ(batches_run, 10);
}

TEST(Trainer, ValidatesByTheClock) {
  testing::FakeClock clock;
  Line model;
  std::string order;
  model.on_hook = [&](const std::string& hook) {
    if (hook == "on_train_batch_start") clock.advance(1min);
    if (hook == "training_step") order += 't';
    if (hook == "on_validation_start") order += 'V';
  };
  TrainerOptions options = quiet({.max_epochs = 2,
                                  .val_check_interval = "00:00:03:00",
                                  .num_sanity_val_steps = 0});
  options.seams.clock = &clock;
  Trainer(options).fit(model, line_batches(5), line_batches(1));
  EXPECT_EQ(order, "tttVtttVtttVt");
}

TEST(Trainer, ClipsByNormAndByValue) {
  for (const auto by : {ClipAlgorithm::kNorm, ClipAlgorithm::kValue}) {
    struct Watch : Line {
      void optimizer_step(int64_t, int64_t, torch::optim::Optimizer& optimizer,
                          const std::function<at::Tensor()>& closure) override {
        closure();
        norm = optim::clip_grad_norm(optim::gradients(optimizer), 1e9)
                   .item<double>();
        for (const auto& g : optim::gradients(optimizer)) {
          largest = std::max(largest, g.abs().max().item<double>());
        }
      }
      double norm = 0, largest = 0;
    } model;
    Trainer(quiet({.max_steps = 1,
                   .gradient_clip_val = 0.01,
                   .gradient_clip_algorithm = by}))
        .fit(model, line_batches(1));
    if (by == ClipAlgorithm::kNorm) {
      EXPECT_NEAR(model.norm, 0.01, 1e-6);
    } else {
      EXPECT_NEAR(model.largest, 0.01, 1e-8);
    }
  }
}

TEST(Trainer, StepsASchedule) {
  struct Scheduled : Line {
    OptimizerConfig configure_optimizers() override {
      sgd = std::make_shared<torch::optim::SGD>(parameters(), 1.0);
      return {sgd, torch::optim::StepLR(*sgd, 1, 0.5)};
    }
    std::shared_ptr<torch::optim::SGD> sgd{};
  } model;
  Trainer(quiet({.max_epochs = 3})).fit(model, line_batches(2));
  Line other;
  torch::optim::SGD by_hand(other.parameters(), 1.0);
  torch::optim::StepLR schedule(by_hand, 1, 0.5);
  for (int epoch = 0; epoch < 3; ++epoch) schedule.step();
  const double lr = by_hand.param_groups()[0].options().get_lr();
  EXPECT_LT(lr, 1);
  EXPECT_DOUBLE_EQ(model.sgd->param_groups()[0].options().get_lr(), lr);
}

TEST(Trainer, EndsAtCtrlCBetweenTwoBatches) {
  Line model;
  int steps = 0;
  bool told = false;
  model.on_hook = [&](const std::string& hook) {
    if (hook == "training_step" && ++steps == 3) ::raise(SIGINT);
  };
  int ended = 0;
  TrainerOptions options = quiet({.max_epochs = 5});
  options.callbacks = {
      LambdaCallback({.on_train_batch_end = [&](auto&&...) { ++ended; },
                      .on_exception = [&](auto&&...) { told = true; }})};
  Trainer trainer(options);
  try {
    trainer.fit(model, line_batches(10));
    FAIL() << "not interrupted";
  } catch (const Interrupted& interrupted) {
    EXPECT_EQ(interrupted.exit_code(), 130);
  }
  EXPECT_EQ(steps, 3);
  EXPECT_EQ(ended, 3);
  EXPECT_TRUE(told);
  EXPECT_TRUE(trainer.interrupted());
  // And on with it.
  model.on_hook = {};
  trainer.fit(model, line_batches(10));
  EXPECT_EQ(trainer.status(), RunStatus::kFinished);
}

TEST(Trainer, AClosureThatIsNotCalledIsAnError) {
  struct Forgets : Line {
    void optimizer_step(int64_t, int64_t, torch::optim::Optimizer& optimizer,
                        const std::function<at::Tensor()>&) override {
      optimizer.step();
    }
  } forgets;
  EXPECT_TRUE(
      has(message_of<ConfigError>([&] {
            Trainer(quiet({.max_epochs = 1})).fit(forgets, line_batches(1));
          }),
          {"optimizer_step", "closure"}));
  struct Keeps : Line {
    void optimizer_step(int64_t, int64_t, torch::optim::Optimizer& optimizer,
                        const std::function<at::Tensor()>& closure) override {
      kept = closure;
      optimizer.step(closure);
    }
    std::function<at::Tensor()> kept;
  } keeps;
  Trainer trainer(quiet({.max_epochs = 1}));
  trainer.fit(keeps, line_batches(1));
  EXPECT_THROW(keeps.kept(), ConfigError);
}

TEST(Trainer, ALossWithoutGradientIsExplained) {
  struct Detached : Line {
    StepOutput training_step(const Batch& batch, StepContext&) override {
      return loss_of(batch).detach();
    }
  } model;
  EXPECT_TRUE(
      has(message_of<ConfigError>([&] {
            Trainer(quiet({.max_epochs = 1})).fit(model, line_batches(1));
          }),
          {"training_step", "no parameter"}));
}

TEST(Trainer, HearsCtrlCInTheLastHooksToo) {
  const auto batches = line_batches(2);
  for (const std::string where : {"on_train_end", "on_validation_end"}) {
    Line model;
    model.on_hook = [&](const std::string& hook) {
      if (hook == where) ::raise(SIGTERM);
    };
    Trainer trainer(quiet({.max_epochs = 1}));
    try {
      if (where == "on_train_end") {
        trainer.fit(model, batches);
      } else {
        trainer.validate(model, batches, {.verbose = false});
      }
      ADD_FAILURE() << where;
    } catch (const Interrupted& interrupted) {
      EXPECT_EQ(interrupted.exit_code(), 143);
    }
  }
}

TEST(Trainer, ADeadTrainersModuleCanBeUsedOn) {
  Line model;
  const auto batches = line_batches(2);
  {
    Trainer(quiet({.max_epochs = 1})).fit(model, batches);
  }
  EXPECT_FALSE(model.has_trainer());
  EXPECT_EQ(model.current_epoch(), 0);
  Trainer(quiet({.max_epochs = 1})).fit(model, batches);
}

TEST(Trainer, AModuleMayGoThatTwoTrainersHad) {
  const auto batches = line_batches(2);
  Trainer a(quiet({.max_epochs = 1}));
  Trainer b(quiet({.max_epochs = 1}));
  {
    Line model;
    a.fit(model, batches);
    b.fit(model, batches);
    EXPECT_EQ(&model.trainer(), &b);
    EXPECT_THROW(a.module(), ConfigError);
  }
  EXPECT_THROW(b.module(), ConfigError);
  Line next;
  a.validate(next, batches, {.verbose = false});
}

TEST(Trainer, RefusesToRunInsideItsOwnRun) {
  Line model;
  const auto batches = line_batches(2);
  Trainer trainer(quiet({.max_epochs = 1}));
  model.on_hook = [&](const std::string& hook) {
    if (hook == "on_train_epoch_end") trainer.validate(model, batches);
  };
  EXPECT_TRUE(has(message_of<ConfigError>([&] { trainer.fit(model, batches); }),
                  {"Trainer.validate", "running already"}));
}

TEST(Trainer, RefusesAModuleThatAnotherTrainerRuns) {
  const auto batches = line_batches(2);
  Line model;
  Trainer inner(quiet());
  int refused = 0;
  model.on_hook = [&](const std::string& hook) {
    if (hook != "on_train_epoch_start") return;
    refused += has(message_of<ConfigError>([&] {
                     inner.validate(model, batches, {.verbose = false});
                   }),
                   {"another Trainer", "another module"});
  };
  Trainer(quiet({.max_epochs = 2})).fit(model, batches);
  EXPECT_EQ(refused, 2);
}

TEST(Trainer, ARefusedRunLeavesTheRunningOneAlone) {
  const auto batches = line_batches(4);
  auto model = std::make_shared<Line>();
  Line* const raw = model.get();
  Trainer trainer(quiet({.max_epochs = 5}));
  raw->on_hook = [&](const std::string& hook) {
    if (hook != "on_train_epoch_start") return;
    trainer.request_stop();
    EXPECT_THROW(trainer.fit(std::make_shared<Line>(), batches), ConfigError);
  };
  trainer.fit(std::move(model), batches);
  EXPECT_EQ(trainer.current_epoch(), 1);  // the stop still counted
  EXPECT_EQ(&trainer.module(), raw);
}

TEST(Trainer, MetricObjectsMayGoWithTheirModule) {
  struct Measured : Line {
    Measured() { register_metric("mean", mean); }
    void validation_step(const Batch& batch, StepContext&) override {
      mean.update(loss_of(batch));
      log("mean", mean);
    }
    metrics::Mean mean{};
  };
  const auto batches = line_batches(3);
  Trainer trainer(quiet({.max_epochs = 1}));
  {
    Measured first;
    trainer.validate(first, batches);
    // Computed over all batches, and reset.
    double sum = 0;
    for (const auto& b : batches) sum += first.loss_of(b).item<double>();
    EXPECT_NEAR(trainer.callback_metrics().at("mean"), sum / 3, 1e-6);
    EXPECT_TRUE(std::isnan(first.mean.compute().item<double>()));
  }
  Measured second;
  trainer.fit(second, batches, batches);
  EXPECT_TRUE(trainer.callback_metrics().contains("mean"));
}

}  // namespace
}  // namespace bolt
