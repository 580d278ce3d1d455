#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "support/errors.h"
#include "support/fake_clock.h"
#include "support/models.h"
#include "support/temp_dir.h"

namespace bolt {
namespace {

using namespace std::chrono_literals;
using testing::has;
using testing::Line;
using testing::line_batches;
using testing::message_of;
using testing::quiet;

// Logs this value in epoch k's validation.
struct Scripted : Line {
  explicit Scripted(std::vector<double> values) : values(std::move(values)) {}
  void validation_step(const Batch&, StepContext&) override {
    const auto k = static_cast<std::size_t>(current_epoch());
    log("score", values[std::min(k, values.size() - 1)]);
  }
  std::vector<double> values;
};

struct Outcome {
  int64_t epochs;
  StoppingReason reason;
};

Outcome run(std::vector<double> values, EarlyStoppingOptions options) {
  Scripted model(std::move(values));
  options.monitor = "score";
  TrainerOptions trainer_options = quiet({.max_epochs = 8});
  trainer_options.callbacks = {EarlyStopping(options)};
  Trainer trainer(trainer_options);
  trainer.fit(model, line_batches(1), line_batches(1));
  return {trainer.current_epoch(),
          trainer.callback<EarlyStopping>().stopping_reason()};
}

TEST(EarlyStopping, StopsForEachOfItsReasons) {
  const auto patience = run({5, 4, 4, 4, 4}, {.patience = 2});
  EXPECT_EQ(patience.epochs, 4);
  EXPECT_EQ(patience.reason, StoppingReason::kPatienceExhausted);
  const auto threshold = run({5, 2, 1}, {.stopping_threshold = 3});
  EXPECT_EQ(threshold.epochs, 2);
  EXPECT_EQ(threshold.reason, StoppingReason::kStoppingThreshold);
  const auto diverged = run({5, 50}, {.divergence_threshold = 10});
  EXPECT_EQ(diverged.epochs, 2);
  EXPECT_EQ(diverged.reason, StoppingReason::kDivergenceThreshold);
  const auto nan = run({5, std::nan("")}, {});
  EXPECT_EQ(nan.epochs, 2);
  EXPECT_EQ(nan.reason, StoppingReason::kNonFinite);
  const auto better =
      run({1, 2, 3, 4, 5, 6, 7, 8}, {.patience = 1, .mode = Mode::kMax});
  EXPECT_EQ(better.epochs, 8);
  EXPECT_EQ(better.reason, StoppingReason::kNotStopped);
  const auto small = run({5, 4.95, 4.9}, {.min_delta = 0.2, .patience = 2});
  EXPECT_EQ(small.epochs, 3);
}

TEST(EarlyStopping, NamesTheMetricsThereAre) {
  Scripted model({1});
  TrainerOptions options = quiet({.max_epochs = 2});
  options.callbacks = {EarlyStopping({.monitor = "scroe"})};
  EXPECT_TRUE(has(message_of<ConfigError>([&] {
                    Trainer(options).fit(model, line_batches(1),
                                         line_batches(1));
                  }),
                  {"EarlyStopping", "scroe", "did you mean \"score\""}));
  EXPECT_THROW(EarlyStopping({}), ConfigError);
  EXPECT_THROW(EarlyStopping({.monitor = "x", .patience = -1}), ConfigError);
}

TEST(EarlyStopping, GoesOnFromItsState) {
  EarlyStopping a({.monitor = "score", .patience = 5});
  a.load_state(State::map({{"wait_count", 3},
                           {"stopped_epoch", 0},
                           {"best_score", 0.5},
                           {"patience", 4},
                           {"stopping_reason", 0},
                           {"stopping_reason_message", ""}}));
  EXPECT_EQ(a.wait_count(), 3);
  EXPECT_EQ(a.patience(), 4);
  EarlyStopping b({.monitor = "score"});
  b.load_state(a.state());
  EXPECT_EQ(a.state(), b.state());
  EXPECT_EQ(a.state_key(), "EarlyStopping{'monitor': 'score', 'mode': 'min'}");
}

TEST(Callbacks, EachTrainerHasACopyAndSharesWhatIsShared) {
  struct Counter : Callback {
    void on_fit_start(Trainer&, Module&) override { ++count; }
    int count = 0;
  };
  const auto shared = std::make_shared<Counter>();
  TrainerOptions options = quiet({.max_epochs = 1});
  options.callbacks = {Counter(), shared};
  Line model;
  Trainer a(options);
  Trainer b(options);
  a.fit(model, line_batches(1));
  b.fit(model, line_batches(1));
  EXPECT_EQ(a.callback<Counter>().count, 1);
  EXPECT_EQ(b.callback<Counter>().count, 1);
  EXPECT_EQ(shared->count, 2);
  EXPECT_THROW(a.callback<Timer>(), ConfigError);
}

TEST(Callbacks, OfTheModuleReplaceThoseOfTheirType) {
  struct Model : Line {
    std::vector<CallbackHandle> configure_callbacks() override {
      return {EarlyStopping({.monitor = "loss", .patience = 7})};
    }
  } model;
  TrainerOptions options = quiet({.max_epochs = 1});
  options.callbacks = {EarlyStopping({.monitor = "other"})};
  Trainer trainer(options);
  trainer.fit(model, line_batches(1));
  EXPECT_EQ(trainer.callbacks().size(), 1u);
  EXPECT_EQ(trainer.callback<EarlyStopping>().patience(), 7);
}

TEST(Callbacks, OfTheModuleMayBeSeveralOfOneType) {
  struct Model : Line {
    std::vector<CallbackHandle> configure_callbacks() override {
      return {EarlyStopping({.monitor = "loss"}),
              EarlyStopping({.monitor = "val_loss"})};
    }
  } model;
  Trainer trainer(quiet({.max_epochs = 1}));
  trainer.fit(model, line_batches(1), line_batches(1));
  EXPECT_EQ(trainer.callbacks().size(), 2u);
}

struct Plain : Callback {};
struct Derived : Plain {};

TEST(Callbacks, OfTheModuleReplaceThoseOfTheirBasesToo) {
  struct Model : Line {
    std::vector<CallbackHandle> configure_callbacks() override {
      return {Derived()};
    }
  } model;
  TrainerOptions options = quiet({.max_epochs = 1});
  options.callbacks = {Plain(), std::shared_ptr<Callback>(new Timer())};
  Trainer trainer(options);
  trainer.fit(model, line_batches(1));
  EXPECT_EQ(trainer.callbacks().size(), 2u);
  EXPECT_NE(trainer.find_callback<Derived>(), nullptr);
  EXPECT_NE(trainer.find_callback<Timer>(), nullptr);
}

TEST(Callbacks, LogDictsAsTheModuleDoes) {
  struct Logs : Callback {
    void on_train_epoch_end(Trainer&, Module& module) override {
      log_dict({{"a", 1}, {"b", 2.5}});
      log_dict(std::map<std::string, torch::Tensor>{{"c", torch::ones({})}});
      module.log_dict(MetricMap{{"d", 4}});
    }
  };
  Line model;
  TrainerOptions options = quiet({.max_epochs = 1});
  options.callbacks = {Logs()};
  Trainer trainer(options);
  trainer.fit(model, line_batches(1));
  const MetricMap metrics = trainer.callback_metrics();
  EXPECT_EQ(metrics.at("a"), 1);
  EXPECT_EQ(metrics.at("b"), 2.5);
  EXPECT_EQ(metrics.at("c"), 1);
  EXPECT_EQ(metrics.at("d"), 4);
}

TEST(Callbacks, CanLog) {
  struct Logs : Callback {
    void on_train_batch_end(Trainer&, Module&, const StepOutput& out,
                            const AnyBatch& batch,
                            const StepContext&) override {
      EXPECT_FALSE(out.loss().requires_grad());
      log("size", batch.as<testing::Example>().data.size(0));
    }
  };
  Line model;
  TrainerOptions options = quiet({.max_epochs = 1});
  options.callbacks = {Logs()};
  Trainer trainer(options);
  trainer.fit(model, line_batches(2, 3));
  EXPECT_EQ(trainer.callback_metrics().at("size"), 3);
}

TEST(Timer, MeasuresStagesAndGoesOnFromItsState) {
  testing::FakeClock clock;
  Line model;
  model.on_hook = [&](const std::string& hook) {
    if (hook == "training_step") clock.advance(2s);
    if (hook == "validation_step") clock.advance(5s);
  };
  TrainerOptions options = quiet({.max_epochs = 1, .num_sanity_val_steps = 0});
  options.seams.clock = &clock;
  options.callbacks = {Timer()};
  Trainer trainer(options);
  trainer.fit(model, line_batches(3), line_batches(2));
  auto& timer = trainer.callback<Timer>();
  EXPECT_EQ(timer.time_elapsed(), 16s);
  EXPECT_EQ(timer.time_elapsed(Stage::kValidate), 10s);
  Timer later({.duration = 20s});
  later.load_state(timer.state());
  EXPECT_EQ(later.time_remaining(), 4s);
}

TEST(LambdaCallback, AddsToCheckpointsAndReadsThem) {
  const testing::TempDir dir;
  Line line;
  Trainer saves(quiet({
      .max_epochs = 1,
      .callbacks = {LambdaCallback(
          {.on_save_checkpoint =
               [&](Trainer& trainer, Module& module, State& checkpoint) {
                 EXPECT_EQ(&module, &line);
                 EXPECT_EQ(checkpoint.at("global_step").as_int(),
                           trainer.global_step());
                 checkpoint["note"] = "kept";
               }})},
  }));
  saves.fit(line, line_batches(2));
  saves.save_checkpoint(dir.path() / "a.ckpt");
  std::vector<std::string> notes;
  Trainer loads(quiet({
      .max_epochs = 2,
      .callbacks = {LambdaCallback(
          {.on_load_checkpoint =
               [&](Trainer&, Module& module, const State& checkpoint) {
                 EXPECT_EQ(&module, &line);
                 notes.push_back(checkpoint.at("note").as_string());
               }})},
  }));
  loads.fit(line, line_batches(2), {}, {.ckpt_path = dir.path() / "a.ckpt"});
  EXPECT_EQ(notes, std::vector<std::string>{"kept"});
}

}  // namespace
}  // namespace bolt
