#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/errors.h"
#include "support/models.h"
#include "support/temp_dir.h"

// What modules and data modules record of how they were made, and who gets it.

namespace bolt::testing {
namespace {

struct LineData : LightningDataModule {
  Loaders train_dataloader() override { return Loaders(batches); }
  std::vector<Example> batches = line_batches(1);
};

template <class Owner>
struct Hyperparameters : ::testing::Test {
  Owner owner{};
};
using Owners = ::testing::Types<Line, LineData>;
TYPED_TEST_SUITE(Hyperparameters, Owners);

TYPED_TEST(Hyperparameters, AreGivenInBracesOrAsAMap) {
  const State one = State::map({{"lr", 2}});
  const State two = State::map({{"lr", 2}, {"name", "a"}});
  TypeParam a, b, c, d;
  a.save_hyperparameters({{"lr", 2}});
  b.save_hyperparameters({{"lr", 2}, {"name", "a"}});
  c.save_hyperparameters(State::map({{"lr", 2}}));
  d.save_hyperparameters(two);
  EXPECT_EQ(a.hparams(), one);
  EXPECT_EQ(b.hparams(), two);
  EXPECT_EQ(c.hparams(), one);
  EXPECT_EQ(d.hparams(), two);
  EXPECT_EQ(d.hparams_initial(), two);
  EXPECT_TRUE(
      has(message_of<ConfigError>([&] { a.save_hyperparameters(State(0.1)); }),
          {"save_hyperparameters", "must be a map", "double"}));
  EXPECT_EQ(a.hparams(), one);
}

TYPED_TEST(Hyperparameters, OfLaterCallsAreAdded) {
  this->owner.save_hyperparameters({{"lr", 2}, {"width", 3}});
  this->owner.save_hyperparameters({{"lr", 1}, {"depth", 4}});
  const State all = State::map({{"lr", 1}, {"width", 3}, {"depth", 4}});
  EXPECT_EQ(this->owner.hparams(), all);
  EXPECT_EQ(this->owner.hparams_initial(), all);
}

TYPED_TEST(Hyperparameters, AreInitiallyWhatTheyWere) {
  const auto weights = torch::ones({2});
  this->owner.save_hyperparameters({{"lr", 2}, {"weights", weights}});
  this->owner.hparams()["lr"] = 5;
  this->owner.hparams()["added"] = true;
  this->owner.hparams()["weights"].as_tensor().zero_();
  EXPECT_EQ(
      this->owner.hparams(),
      State::map({{"lr", 5}, {"weights", torch::zeros({2})}, {"added", true}}));
  EXPECT_EQ(this->owner.hparams_initial(),
            State::map({{"lr", 2}, {"weights", torch::ones({2})}}));
}

TYPED_TEST(Hyperparameters, AreKeptFromLoggersByChoice) {
  this->owner.save_hyperparameters({{"path", "/a"}}, false);
  EXPECT_TRUE(this->owner.hparams_initial().is_none());
  this->owner.save_hyperparameters(State::map({{"secret", 1}}), false);
  this->owner.save_hyperparameters({{"lr", 2}});
  EXPECT_EQ(this->owner.hparams(),
            State::map({{"path", "/a"}, {"secret", 1}, {"lr", 2}}));
  EXPECT_EQ(this->owner.hparams_initial(), State::map({{"lr", 2}}));
}

struct ParamsLogger : Logger {
  std::string name() const override { return ""; }
  std::string version() const override { return ""; }
  void log_metrics(const MetricMap&, int64_t) override {}
  void log_hyperparams(const State& params) override { logged = params; }
  std::optional<State> logged{};
};

std::optional<State> logged_by_a_fit(Line& line, LineData& data) {
  const auto logger = std::make_shared<ParamsLogger>();
  Trainer(quiet({.max_epochs = 1, .logger = logger})).fit(line, data);
  return logger->logged;
}

TEST(HyperparametersOfARun, AreTheModulesAndTheDataModules) {
  Line line;
  LineData data;
  line.save_hyperparameters({{"lr", 2}, {"seed", 7}});
  data.save_hyperparameters({{"size", 4}, {"seed", 7}});
  data.hparams()["size"] = 5;  // loggers get the initial ones
  EXPECT_EQ(logged_by_a_fit(line, data),
            State::map({{"lr", 2}, {"seed", 7}, {"size", 4}}));
}

TEST(HyperparametersOfARun, MustNotContradict) {
  Line line;
  LineData data;
  line.save_hyperparameters({{"lr", 2}, {"seed", 7}});
  data.save_hyperparameters({{"size", 4}, {"seed", 8}});
  EXPECT_TRUE(has(message_of<ConfigError>([&] { logged_by_a_fit(line, data); }),
                  {"module and data module", "{\"seed\": 7}", "{\"seed\": 8}",
                   "logger = false"}));
}

TEST(HyperparametersOfARun, AreNotLoggedThatTheDataModuleKeeps) {
  Line line;
  LineData data;
  data.save_hyperparameters({{"seed", 8}}, false);
  EXPECT_EQ(logged_by_a_fit(line, data), std::nullopt);
  line.save_hyperparameters({{"seed", 7}});  // no contradiction
  EXPECT_EQ(logged_by_a_fit(line, data), State::map({{"seed", 7}}));
}

TEST(HyperparametersOfARun, AreInItsCheckpointAsTheyAreNow) {
  const TempDir dir;
  Line line;
  LineData data;
  line.save_hyperparameters({{"lr", 2}});
  data.save_hyperparameters({{"size", 4}}, false);
  data.hparams()["size"] = 5;
  line.on_hook = [&](const std::string& hook) {
    if (hook != "on_train_end") return;
    line.trainer().save_checkpoint(dir.path() / "a.ckpt");
  };
  Trainer(quiet({.max_epochs = 1})).fit(line, data);
  const State checkpoint = read_checkpoint(dir.path() / "a.ckpt");
  EXPECT_EQ(checkpoint.at("hyper_parameters"), State::map({{"lr", 2}}));
  EXPECT_EQ(checkpoint.at("datamodule_hyper_parameters"),
            State::map({{"size", 5}}));
}

}  // namespace
}  // namespace bolt::testing
