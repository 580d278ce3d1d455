#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <string>
#include <vector>

#include "support/fake_clock.h"
#include "support/models.h"

namespace bolt {
namespace {

using namespace std::chrono_literals;
using testing::Line;
using testing::line_batches;
using testing::quiet;

TEST(Stopping, StopsByTheClock) {
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

TEST(Stopping, ValidatesByTheClock) {
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

TEST(Stopping, EndsAtCtrlCBetweenTwoBatches) {
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

TEST(Stopping, HearsCtrlCWhileARunIsSetUp) {
  for (const std::string where :
       {"prepare_data", "setup", "configure_model", "on_fit_start"}) {
    Line model;
    std::string last;
    model.on_hook = [&](const std::string& hook) {
      if (hook == where) ::raise(SIGINT);
      if (hook != "on_exception") last = hook;
    };
    int told = 0;
    TrainerOptions options = quiet({.max_epochs = 1});
    options.callbacks = {
        LambdaCallback({.on_exception = [&](auto&&...) { ++told; }})};
    Trainer trainer(options);
    try {
      trainer.fit(model, line_batches(2));
      ADD_FAILURE() << where;
    } catch (const Interrupted& interrupted) {
      EXPECT_EQ(interrupted.exit_code(), 130);
    }
    EXPECT_EQ(last, where);
    EXPECT_EQ(told, 1) << where;
    EXPECT_TRUE(trainer.interrupted()) << where;
  }
}

TEST(Stopping, HearsCtrlCInTheDataModulesSetUp) {
  struct Interrupting : LightningDataModule {
    explicit Interrupting(std::string where) : where(std::move(where)) {}
    void prepare_data() override { at("prepare_data"); }
    void setup(Stage) override { at("setup"); }
    Loaders train_dataloader() override { return Loaders(batches); }
    void at(const std::string& hook) const {
      if (hook == where) ::raise(SIGINT);
    }
    std::string where;
    std::vector<testing::Example> batches = line_batches(2);
  };
  for (const std::string where : {"prepare_data", "setup"}) {
    Line model;
    std::vector<std::string> hooks;
    model.on_hook = [&](const std::string& hook) { hooks.push_back(hook); };
    Interrupting data(where);
    EXPECT_THROW(Trainer(quiet({.max_epochs = 1})).fit(model, data),
                 Interrupted);
    EXPECT_EQ(std::ranges::count(hooks, where), 0);
  }
}

TEST(Stopping, HearsCtrlCInTheLastHooksToo) {
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

}  // namespace
}  // namespace bolt
