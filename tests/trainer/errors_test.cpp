#include "support/errors.h"

#include <gtest/gtest.h>

#include "support/environment.h"
#include "support/log_capture.h"
#include "support/models.h"
#include "support/temp_dir.h"

namespace bolt {
namespace {

using testing::has;
using testing::Line;
using testing::line_batches;
using testing::message_of;
using testing::quiet;
using testing::WithEnvironment;

struct UserError {
  std::string hook;
};

// The exception arrives unchanged, of whatever type, from every hook.
TEST(ThrowingHook, ArrivesUnchangedFromEveryHook) {
  const auto batches = line_batches(2);
  std::vector<std::string> hooks;
  {
    Line model;
    model.on_hook = [&](const std::string& hook) {
      if (std::ranges::find(hooks, hook) == hooks.end()) hooks.push_back(hook);
    };
    Trainer(quiet({.max_epochs = 1})).fit(model, batches, batches);
  }
  ASSERT_GE(hooks.size(), 25u);
  for (const std::string& where : hooks) {
    Line model;
    int exceptions = 0;
    bool failing = true;
    model.on_hook = [&](const std::string& hook) {
      if (hook == where) throw UserError{hook};
    };
    TrainerOptions options = quiet({.max_epochs = 1});
    options.enable_progress_bar = true;  // its thread must end too
    options.callbacks = {LambdaCallback({
        .teardown =
            [&](auto&&...) {
              if (failing && where != "teardown") ADD_FAILURE() << where;
            },
        .on_exception = [&](auto&&...) { ++exceptions; },
    })};
    Trainer trainer(options);
    try {
      trainer.fit(model, batches, batches);
      ADD_FAILURE() << where << " threw nothing";
    } catch (const UserError& error) {
      EXPECT_EQ(error.hook, where);
    }
    EXPECT_EQ(exceptions, 1) << where;
    EXPECT_EQ(trainer.status(), RunStatus::kInterrupted) << where;
    // The Trainer can be used on.
    failing = false;
    Line fresh;
    EXPECT_NO_THROW(trainer.validate(fresh, batches, {.verbose = false}))
        << where;
  }
}

TEST(ThrowingHook, OnExceptionCantTakeTheExceptionsPlace) {
  const testing::LogCapture log;
  Line model;
  model.on_hook = [](const std::string& hook) {
    if (hook == "training_step") throw UserError{hook};
  };
  TrainerOptions options = quiet({.max_epochs = 1});
  options.callbacks = {LambdaCallback(
      {.on_exception = [](auto&&...) { throw std::runtime_error("second"); }})};
  EXPECT_THROW(Trainer(options).fit(model, line_batches(1)), UserError);
  EXPECT_EQ(log.count("second"), 1);
}

std::string refused(TrainerOptions options) {
  return message_of<ConfigError>([&] { Trainer trainer(options); });
}

TEST(Arguments, AreCheckedAndNamed) {
  EXPECT_TRUE(has(refused({.max_epochs = -5}), {"max_epochs", "-5"}));
  EXPECT_TRUE(has(refused({.max_steps = -2}), {"max_steps", "-2"}));
  EXPECT_TRUE(
      has(refused({.limit_train_batches = -1}), {"limit_train_batches", "-1"}));
  EXPECT_TRUE(
      has(refused({.limit_val_batches = 1.5}), {"limit_val_batches", "1.5"}));
  EXPECT_TRUE(has(refused({.overfit_batches = -0.1}), {"overfit_batches"}));
  EXPECT_TRUE(has(refused({.fast_dev_run = -1}), {"fast_dev_run", "-1"}));
  EXPECT_TRUE(
      has(refused({.val_check_interval = -3}), {"val_check_interval", "-3"}));
  EXPECT_TRUE(has(refused({.val_check_interval = 0.5,
                           .check_val_every_n_epoch = std::nullopt}),
                  {"val_check_interval", "0.5"}));
  EXPECT_TRUE(has(refused({.devices = 0}), {"devices", "0"}));
  EXPECT_TRUE(has(refused({.num_nodes = 0}), {"num_nodes", "0"}));
  EXPECT_TRUE(has(refused({.accumulate_grad_batches = 0}),
                  {"accumulate_grad_batches", "0"}));
  EXPECT_TRUE(has(refused({.reload_dataloaders_every_n_epochs = -1}),
                  {"reload_dataloaders_every_n_epochs"}));
  EXPECT_TRUE(has(refused({.detect_anomaly = true, .barebones = true}),
                  {"barebones", "detect_anomaly"}));
  TrainerOptions two_bars;
  two_bars.callbacks = {ProgressBar(), ProgressBar()};
  EXPECT_TRUE(has(refused(two_bars), {"more than one progress bar"}));
}

TEST(Arguments, OfLaterVersionsSaySo) {
  const char* later = "later version";
  EXPECT_TRUE(has(refused({.strategy = Strategy::kDDP}), {"ddp", later}));
  EXPECT_TRUE(has(refused({.profiler = "simple"}), {"simple", later}));
  EXPECT_TRUE(has(refused({.sync_batchnorm = true}), {later}));
}

TEST(Arguments, TextIsReadOrRefused) {
  EXPECT_EQ(parse_precision("bf16"), Precision::kBF16Mixed);
  EXPECT_EQ(parse_accelerator("CPU"), Accelerator::kCPU);
  EXPECT_TRUE(has(message_of<ConfigError>([] { parse_strategy("dpp"); }),
                  {"\"dpp\"", "ddp"}));
  EXPECT_THROW(TimeSpan("1:2:3"), ConfigError);
}

TEST(Arguments, NullAndTwoForOnePlaceAreRefused) {
  const std::shared_ptr<Callback> no_callback;
  EXPECT_TRUE(has(refused(quiet({.callbacks = {no_callback}})), {"null"}));
  const std::shared_ptr<DataLoader<TensorDataset>> no_loader;
  EXPECT_THROW(Loaders(no_loader).count(), ConfigError);
  EXPECT_THROW(DataLoader(std::shared_ptr<TensorDataset>()), ConfigError);
  const testing::TempDir dir;
  const CSVLogger here({.save_dir = dir.path(), .version = 0});
  Line model;
  EXPECT_TRUE(has(message_of<ConfigError>([&] {
                    Trainer(quiet({.max_epochs = 1, .logger = {here, here}}))
                        .fit(model, line_batches(1));
                  }),
                  {"two loggers", "version_0"}));
}

TEST(Arguments, AnyLengthOfTimeFits) {
  using namespace std::chrono;
  EXPECT_GT(TimeSpan(years(300)).time(), hours(24 * 365 * 100));
  EXPECT_GT(TimeSpan(hours::max()).time(), hours(24 * 365 * 100));
  EXPECT_EQ(TimeSpan(90min).time(), 90min);
  EXPECT_THROW(TimeSpan(duration<double>(NAN)), ConfigError);
}

TEST(Arguments, MayComeFromTheEnvironment) {
  const WithEnvironment epochs("PL_TRAINER_MAX_EPOCHS", "7");
  const WithEnvironment batches("PL_TRAINER_LIMIT_TRAIN_BATCHES", "0.5");
  const Trainer from_environment(quiet());
  EXPECT_EQ(from_environment.options().max_epochs, 7);
  EXPECT_EQ(from_environment.options().limit_train_batches, BatchLimit(0.5));
  const Trainer given(quiet({.max_epochs = 2}));
  EXPECT_EQ(given.options().max_epochs, 2);
}

TEST(Arguments, OfTheEnvironmentAreChecked) {
  for (const auto& [name, value] :
       {std::pair("PL_TRAINER_MAX_EPOCHS", "many"),
        std::pair("PL_TRAINER_MAX_TIME", "soon"),
        std::pair("PL_TRAINER_PRECISION", "12-bit")}) {
    const WithEnvironment wrong(name, value);
    EXPECT_TRUE(has(refused(quiet()), {name, value}));
  }
}

TEST(Arguments, ThatAreNoneInTheEnvironmentAreAsByDefault) {
  const TrainerOptions given = quiet({.val_check_interval = 10});
  const Trainer standard(given);
  const WithEnvironment none[] = {
      {"PL_TRAINER_LOGGER", "None"},
      {"PL_TRAINER_PRECISION", "None"},
      {"PL_TRAINER_BENCHMARK", "None"},
      {"PL_TRAINER_DEFAULT_ROOT_DIR", "None"},
      {"PL_TRAINER_LOG_EVERY_N_STEPS", "None"},
      {"PL_TRAINER_CHECK_VAL_EVERY_N_EPOCH", "None"}};
  const Trainer trainer(given);
  const TrainerOptions& options = trainer.options();
  EXPECT_TRUE(trainer.loggers().empty());
  EXPECT_EQ(options.benchmark, standard.options().benchmark);
  EXPECT_EQ(options.precision, standard.options().precision);
  EXPECT_EQ(options.default_root_dir, standard.options().default_root_dir);
  EXPECT_EQ(options.log_every_n_steps, standard.options().log_every_n_steps);
  EXPECT_EQ(standard.options().check_val_every_n_epoch, 1);
  EXPECT_EQ(options.check_val_every_n_epoch, std::nullopt);
}

TEST(Arguments, TwoCallbacksWithOneStateKeyAreRefused) {
  TrainerOptions options = quiet();
  options.callbacks = {EarlyStopping({.monitor = "x"}),
                       EarlyStopping({.monitor = "x"})};
  EXPECT_TRUE(has(refused(options), {"state_key", "EarlyStopping"}));
}

TEST(Run, NeedsStepsOptimizerAndLoaders) {
  struct Empty : LightningModule<> {
  } empty;
  const auto batches = line_batches(1);
  Trainer trainer(quiet({.max_epochs = 1}));
  const auto error = [](auto call) { return message_of<ConfigError>(call); };
  EXPECT_TRUE(
      has(error([&] { trainer.fit(empty, batches); }), {"training_step"}));
  EXPECT_TRUE(has(error([&] { trainer.validate(empty, batches); }),
                  {"validation_step"}));
  EXPECT_TRUE(has(error([&] { trainer.test(empty, batches); }), {"test_step"}));
  EXPECT_TRUE(has(error([&] { trainer.predict(empty, batches); }),
                  {"predict_step", "forward"}));
  Line line;
  EXPECT_TRUE(has(error([&] { trainer.fit(line); }), {"no train loader"}));
}

TEST(Run, AModulePassedAsItsBaseSaysWhatToDo) {
  Line line;
  LightningModule<>& base = line;
  const auto batches = line_batches(1);
  Trainer trainer(quiet({.max_epochs = 1}));
  EXPECT_TRUE(has(message_of<ConfigError>([&] { trainer.fit(base, batches); }),
                  {"Line", "hooks()", "module_hooks_of"}));
  struct Told : Line {
    std::optional<ModuleHooks> hooks() const override {
      return module_hooks_of<Told>();
    }
  } told;
  LightningModule<>& told_base = told;
  EXPECT_NO_THROW(trainer.fit(told_base, batches));
}

TEST(Run, LoadersOfADataModuleMustHaveTheModulesBatches) {
  struct Data : LightningDataModule {
    Loaders train_dataloader() override { return batches; }
    std::vector<torch::Tensor> batches{torch::zeros({1})};
  } data;
  Line line;
  Trainer trainer(quiet({.max_epochs = 1}));
  EXPECT_TRUE(has(message_of<ConfigError>([&] { trainer.fit(line, data); }),
                  {"train_dataloader", "at::Tensor", "Example"}));
}

TEST(Run, NoBatchesIsNoError) {
  const testing::LogCapture log;
  Line line;
  const std::vector<testing::Example> none;
  Trainer(quiet({.max_epochs = 1})).fit(line, none);
  EXPECT_EQ(log.count("no training batches"), 1);
}

TEST(Run, WarnsOfModulesInEvalModeAndSaysWhatOneMeans) {
  const testing::LogCapture log;
  Line line;
  line.layer->eval();
  Trainer(quiet({.max_epochs = 1, .limit_train_batches = 1}))
      .fit(line, line_batches(2));
  EXPECT_EQ(log.count("1 module(s) are in eval mode"), 1);
  EXPECT_EQ(log.count("limit_train_batches=1 is one batch"), 1);
}

TEST(Run, DetectAnomalyNamesTheStepOfANaN) {
  struct Broken : Line {
    StepOutput training_step(const Batch& batch, StepContext& step) override {
      auto loss = Line::training_step(batch, step).loss();
      return step.batch_idx == 2 ? loss * NAN : loss;
    }
  } model;
  Trainer trainer(quiet({.max_epochs = 1, .detect_anomaly = true}));
  EXPECT_TRUE(
      has(message_of<Error>([&] { trainer.fit(model, line_batches(4)); }),
          {"training_step", "epoch 0", "batch 2", "global step 2", "nan"}));
  EXPECT_FALSE(torch::autograd::AnomalyMode::is_enabled());
}

TEST(Run, ALossOfManyElementsIsRefused) {
  struct Wide : Line {
    StepOutput training_step(const Batch& batch, StepContext&) override {
      return layer->forward(batch.data);
    }
  } model;
  EXPECT_TRUE(
      has(message_of<ConfigError>([&] {
            Trainer(quiet({.max_epochs = 1})).fit(model, line_batches(1));
          }),
          {"training_step", "4 elements", "mean"}));
}

TEST(Log, ErrorsNameHookAndName) {
  struct Logs : Line {
    explicit Logs(std::function<void(Logs&)> act) : act(std::move(act)) {}
    StepOutput training_step(const Batch& batch, StepContext& s) override {
      act(*this);
      return Line::training_step(batch, s);
    }
    std::function<void(Logs&)> act;
  };
  const auto error = [](std::function<void(Logs&)> act) {
    Logs model(std::move(act));
    return message_of<ConfigError>(
        [&] { Trainer(quiet({.max_epochs = 1})).fit(model, line_batches(1)); });
  };
  EXPECT_TRUE(has(error([](Logs& m) { m.log("v", torch::zeros({3})); }),
                  {"training_step", "\"v\"", "3 elements"}));
  EXPECT_TRUE(has(error([](Logs& m) {
                    m.log("v", 1, {.on_step = false, .on_epoch = false});
                  }),
                  {"would log nothing"}));
  EXPECT_TRUE(has(error([](Logs& m) {
                    m.log("v", 1, {.on_epoch = true, .batch_size = 0});
                  }),
                  {"training_step", "\"v\"", "batch_size"}));
  EXPECT_TRUE(has(
      error([](Logs& m) { m.log("v", 1, {.on_step = true, .batch_size = 0}); }),
      {"training_step", "\"v\"", "batch_size"}));
  EXPECT_TRUE(has(error([](Logs& m) {
                    m.log("v", torch::zeros({}, torch::kComplexFloat));
                  }),
                  {"training_step", "\"v\"", "complex"}));
  EXPECT_TRUE(
      has(error([](Logs& m) { m.log("v", torch::zeros({}, torch::kMeta)); }),
          {"training_step", "\"v\"", "meta"}));
  EXPECT_TRUE(has(error([](Logs& m) { m.log("v/dataloader_idx_0", 1); }),
                  {"loader index"}));
  EXPECT_TRUE(has(error([](Logs& m) {
                    metrics::Mean stranger;
                    m.log("v", stranger);
                  }),
                  {"register_metric"}));
  EXPECT_TRUE(has(message_of<ConfigError>([] { parse_reduce("median"); }),
                  {"median", "metric object"}));
}

TEST(Log, AStepThatIsNoNumberIsRefused) {
  struct Logs : Line {
    StepOutput training_step(const Batch& batch, StepContext& s) override {
      log("step", NAN);
      return Line::training_step(batch, s);
    }
  } model;
  const testing::TempDir dir;
  EXPECT_TRUE(has(message_of<ConfigError>([&] {
                    Trainer(
                        quiet({.max_epochs = 1,
                               .logger = CSVLogger({.save_dir = dir.path()}),
                               .log_every_n_steps = 1}))
                        .fit(model, line_batches(1));
                  }),
                  {"\"step\"", "x axis"}));
}

TEST(Log, OutsideOfARunWarnsAndGoesOn) {
  const testing::LogCapture log;
  Line model;
  model.log("x", 1);
  EXPECT_EQ(log.count("nothing is logged"), 1);
}

}  // namespace
}  // namespace bolt
