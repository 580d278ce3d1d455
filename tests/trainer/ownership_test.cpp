#include <gtest/gtest.h>

#include <cmath>

#include "support/errors.h"
#include "support/models.h"

namespace bolt {
namespace {

using testing::has;
using testing::Line;
using testing::line_batches;
using testing::message_of;
using testing::quiet;

// Whose a module is, and for how long.

TEST(Ownership, TakesModulesInASharedPtrAndFromAFactory) {
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

TEST(Ownership, EvaluatesTheModuleOfTheRunBefore) {
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

TEST(Ownership, ADeadTrainersModuleCanBeUsedOn) {
  Line model;
  const auto batches = line_batches(2);
  {
    Trainer(quiet({.max_epochs = 1})).fit(model, batches);
  }
  EXPECT_FALSE(model.has_trainer());
  EXPECT_EQ(model.current_epoch(), 0);
  Trainer(quiet({.max_epochs = 1})).fit(model, batches);
}

TEST(Ownership, AModuleMayGoThatTwoTrainersHad) {
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

TEST(Ownership, RefusesToRunInsideItsOwnRun) {
  Line model;
  const auto batches = line_batches(2);
  Trainer trainer(quiet({.max_epochs = 1}));
  model.on_hook = [&](const std::string& hook) {
    if (hook == "on_train_epoch_end") trainer.validate(model, batches);
  };
  EXPECT_TRUE(has(message_of<ConfigError>([&] { trainer.fit(model, batches); }),
                  {"Trainer.validate", "running already"}));
}

TEST(Ownership, RefusesAModuleThatAnotherTrainerRuns) {
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

TEST(Ownership, ARefusedRunLeavesTheRunningOneAlone) {
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

TEST(Ownership, MetricObjectsMayGoWithTheirModule) {
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
