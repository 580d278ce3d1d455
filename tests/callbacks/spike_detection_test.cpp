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

// Multiplies the loss of one batch.
struct Jumps : Line {
  explicit Jumps(double by, int64_t at = 2) : by(by), bad(at) {}
  StepOutput training_step(const Batch& batch, StepContext& step) override {
    auto loss = Line::training_step(batch, step).loss();
    return step.batch_idx == bad ? loss * by : loss;
  }
  OptimizerConfig configure_optimizers() override {
    return torch::optim::SGD(parameters(),
                             torch::optim::SGDOptions(1e-4).momentum(0.9));
  }
  void on_train_batch_end(const StepOutput&, const Batch&,
                          const StepContext&) override {
    weights.push_back(layer->weight.item<float>());
  }
  double by;
  int64_t bad;
  std::vector<float> weights{};
};

template <class Model>
Trainer& run(std::optional<Trainer>& trainer, Model& model,
             SpikeDetectionOptions options, int64_t batches = 5) {
  TrainerOptions t = quiet({.max_epochs = 1});
  t.callbacks = {SpikeDetection(options)};
  trainer.emplace(t);
  const std::vector<testing::Example> same(static_cast<std::size_t>(batches),
                                           line_batches(1).front());
  trainer->fit(model, same);
  return *trainer;
}

TEST(SpikeDetection, NamesTheBatchBeforeItTouchesTheWeights) {
  for (const double by : {1e6, std::nan(""), HUGE_VAL}) {
    Jumps model(by);
    std::optional<Trainer> trainer;
    try {
      run(trainer, model, {});
      FAIL() << by;
    } catch (const TrainingSpikeError& error) {
      EXPECT_EQ(error.epoch, 0);
      EXPECT_EQ(error.batch_idx, 2);
      EXPECT_TRUE(has(error.what(), {"SpikeDetection", "batch 2 of epoch 0"}));
    }
    ASSERT_EQ(model.weights.size(), 2);
    EXPECT_EQ(model.layer->weight.item<float>(), model.weights[1]);
  }
}

TEST(SpikeDetection, SkipsTheStepAndGoesOn) {
  const LogCapture log;
  Jumps model(std::nan(""));
  std::optional<Trainer> trainer;
  run(trainer, model, {.action = SpikeAction::kSkip});
  ASSERT_EQ(model.weights.size(), 5);
  EXPECT_EQ(model.weights[2], model.weights[1]) << "momentum stands still too";
  EXPECT_NE(model.weights[3], model.weights[2]);
  EXPECT_TRUE(std::isfinite(model.weights[4]));
  const auto& spikes = trainer->callback<SpikeDetection>().spikes();
  ASSERT_EQ(spikes.size(), 1);
  EXPECT_EQ(spikes[0].batch_idx, 2);
  EXPECT_EQ(log.count("batch 2 of epoch 0 is not finite"), 1);
}

TEST(SpikeDetection, StopsWhenAsked) {
  const LogCapture log;
  Jumps model(1e6);
  std::optional<Trainer> trainer;
  run(trainer, model, {.action = SpikeAction::kStop});
  EXPECT_EQ(model.weights.size(), 3);
  EXPECT_EQ(model.weights[2], model.weights[1]);
}

TEST(SpikeDetection, LeavesAloneWhatIsNone) {
  const LogCapture log;
  std::optional<Trainer> trainer;
  Jumps steady(1);
  run(trainer, steady, {});
  Jumps early(1e6, 0);
  run(trainer, early, {.warmup = 1});
  Jumps near(1e6);
  run(trainer, near, {.atol = 1e12});
  Jumps down(1e-6);
  run(trainer, down, {});
  Jumps free(std::nan(""));
  run(trainer, free, {.finite_only = false});
  Jumps up(1e-6);
  EXPECT_THROW(run(trainer, up, {.mode = Mode::kMax, .rtol = 0.5}),
               TrainingSpikeError);
}

TEST(SpikeDetection, ReportsTheBatchesOwnLossUnderAccumulation) {
  const LogCapture log;
  Jumps model(1e6, 1);
  const auto batch = line_batches(1).front();
  const double own = model.loss_of(batch).item<double>();
  TrainerOptions options =
      quiet({.max_epochs = 1, .accumulate_grad_batches = 4});
  options.callbacks = {SpikeDetection({.action = SpikeAction::kSkip})};
  Trainer trainer(options);
  trainer.fit(model, std::vector{batch, batch});
  const auto& spikes = trainer.callback<SpikeDetection>().spikes();
  ASSERT_EQ(spikes.size(), 1);
  EXPECT_NEAR(spikes[0].loss / own, 1e6, 1);
}

TEST(SpikeDetection, JudgesTheLossItselfUnder16Mixed) {
  std::vector<double> found;
  for (const Precision precision : {Precision::k32True, Precision::k16Mixed}) {
    TrainerOptions options = quiet({.max_epochs = 1, .precision = precision});
    options.callbacks = {SpikeDetection({.action = SpikeAction::kSkip})};
    Trainer trainer(options);
    Jumps model(100);
    torch::nn::init::constant_(model.layer->weight, 0.5);
    torch::nn::init::constant_(model.layer->bias, 0.0);
    trainer.fit(model,
                std::vector<testing::Example>(4, line_batches(1).front()));
    const auto& spikes = trainer.callback<SpikeDetection>().spikes();
    ASSERT_EQ(spikes.size(), 1);
    found.push_back(spikes[0].loss);
  }
  EXPECT_NEAR(found[1], found[0], 0.05 * found[0]);
}

TEST(SpikeDetection, LeavesOutTheStepOfEachOfSeveralOptimizers) {
  struct Two : Jumps {
    using Jumps::Jumps;
    OptimizerConfig configure_optimizers() override {
      const auto of = [](const at::Tensor& p) {
        return std::make_shared<torch::optim::SGD>(std::vector{p}, 1e-4);
      };
      return {
          {.optimizer = of(layer->weight), .name = "weight"},
          {.optimizer = of(layer->bias), .name = "bias", .every_n_batches = 3}};
    }
  } model(std::nan(""));
  std::optional<Trainer> trainer;
  run(trainer, model, {.action = SpikeAction::kSkip}, 7);
  EXPECT_TRUE(std::isfinite(model.layer->weight.item<float>()));
  EXPECT_TRUE(std::isfinite(model.layer->bias.item<float>()));
  EXPECT_EQ(
      trainer->callback<SpikeDetection>().state().at("leaving_out").size(), 0);
}

// Two losses before two steps: the one that isn't finite is of one optimizer.
TEST(SpikeDetection, ManualStepsAreLeftOutWhereTheGradientsAreTheSpikes) {
  struct Two : Line {
    Two() { automatic_optimization = false; }
    StepOutput training_step(const Batch&, StepContext& step) override {
      const auto both = optimizers();
      const float by = step.batch_idx == 1 ? NAN : 1.0F;
      manual_backward(layer->weight.square().sum() * by);
      manual_backward(layer->bias.square().sum());
      both[1].step();
      both[0].step();
      for (const auto& each : both) each.zero_grad();
      weights.push_back(layer->weight.item<float>());
      biases.push_back(layer->bias.item<float>());
      return {};
    }
    OptimizerConfig configure_optimizers() override {
      const auto of = [](const at::Tensor& p) {
        return std::make_shared<torch::optim::SGD>(std::vector{p}, 0.1);
      };
      return {{.optimizer = of(layer->weight)}, {.optimizer = of(layer->bias)}};
    }
    std::vector<float> weights{}, biases{};
  } model;
  const LogCapture log;
  std::optional<Trainer> trainer;
  run(trainer, model, {.warmup = 9, .action = SpikeAction::kSkip}, 3);
  EXPECT_EQ(model.weights.at(1), model.weights.at(0));
  EXPECT_NE(model.weights.at(2), model.weights.at(1));
  EXPECT_TRUE(std::isfinite(model.weights.at(2)));
  EXPECT_NE(model.biases.at(1), model.biases.at(0));
}

TEST(SpikeDetection, WaitsForItsWarmup) {
  const LogCapture log;
  std::optional<Trainer> trainer;
  const auto found = [&](int64_t at, int64_t warmup) {
    Jumps model(1e6, at);
    run(trainer, model, {.warmup = warmup, .action = SpikeAction::kSkip});
    return trainer->callback<SpikeDetection>().spikes().size();
  };
  EXPECT_EQ(found(1, 1), 1);
  EXPECT_EQ(found(1, 2), 0);
  EXPECT_EQ(found(2, 2), 1);
}

TEST(SpikeDetection, TheMeanIsThatOfTheLastLossesWithoutSpikes) {
  const LogCapture log;
  std::optional<Trainer> trainer;
  const auto recent = [&](double by, SpikeDetectionOptions options) {
    Jumps model(by);
    options.action = SpikeAction::kSkip;
    run(trainer, model, options);
    const State state = trainer->callback<SpikeDetection>().state();
    std::vector<double> losses;
    for (const State& loss : state.at("recent").items()) {
      losses.push_back(loss.as_double());
      EXPECT_LT(losses.back(), 1e3);
    }
    return losses.size();
  };
  EXPECT_EQ(recent(1e6, {}), 4);
  EXPECT_EQ(recent(1e6, {.window = 2}), 2);
  // The weights aren't finite either, from then on.
  EXPECT_EQ(recent(std::nan(""), {.finite_only = false}), 2);
}

TEST(SpikeDetection, ToleranceIsOfTheSizeOfANegativeMean) {
  struct Shifted : Jumps {
    Shifted() : Jumps(1) {}
    StepOutput training_step(const Batch& batch, StepContext& step) override {
      auto loss = Jumps::training_step(batch, step).loss() - 10;
      return step.batch_idx == 2 ? loss + 1 : loss;
    }
  } model;
  std::optional<Trainer> trainer;
  EXPECT_NO_THROW(run(trainer, model, {}));
  EXPECT_THROW(run(trainer, model, {.rtol = 0.05}), TrainingSpikeError);
}

TEST(SpikeDetection, ASpikeLeavesOneStepOutAndNoMore) {
  const SpikeDetectionOptions calm{.warmup = 9};  // no other spike
  State state = SpikeDetection(calm).state();
  // Saved between a spike and its step.
  state["leaving_out"] = State::list({int64_t{0}});
  const auto resumed = std::make_shared<SpikeDetection>(calm);
  resumed->load_state(state);
  EXPECT_EQ(resumed->state(), state);
  Jumps model(1);
  const float before = model.layer->weight.item<float>();
  TrainerOptions options = quiet({.max_epochs = 1});
  options.callbacks = {resumed};
  Trainer(options).fit(model, line_batches(3));
  EXPECT_EQ(model.weights.at(0), before);
  EXPECT_NE(model.weights.at(1), before);
}

// Saved between a spike and the steps of two optimizers that it left out.
TEST(SpikeDetection, RemembersEachOptimizerThatIsToLeaveItsStepOut) {
  struct Two : Jumps {
    Two() : Jumps(1) {}
    OptimizerConfig configure_optimizers() override {
      const auto of = [](const at::Tensor& p) {
        return std::make_shared<torch::optim::SGD>(std::vector{p}, 1e-4);
      };
      return {{.optimizer = of(layer->weight), .name = "weight"},
              {.optimizer = of(layer->bias), .name = "bias"}};
    }
  } model;
  const SpikeDetectionOptions calm{.warmup = 9};
  State state = SpikeDetection(calm).state();
  state["leaving_out"] = State::list({int64_t{0}, int64_t{1}});
  const auto resumed = std::make_shared<SpikeDetection>(calm);
  resumed->load_state(state);
  EXPECT_EQ(resumed->state(), state);
  const float weight = model.layer->weight.item<float>();
  const float bias = model.layer->bias.item<float>();
  TrainerOptions options = quiet({.max_epochs = 1});
  options.callbacks = {resumed};
  Trainer(options).fit(model, line_batches(1));
  EXPECT_EQ(model.layer->weight.item<float>(), weight);
  EXPECT_EQ(model.layer->bias.item<float>(), bias);
  EXPECT_EQ(resumed->state().at("leaving_out").size(), 0);
}

// The window of a batch that wasn't finite is left out as a whole.
TEST(SpikeDetection, LeavesOutAWindowThatHasASpike) {
  const LogCapture log;
  Jumps model(std::nan(""), 1);
  TrainerOptions options =
      quiet({.max_epochs = 1, .accumulate_grad_batches = 2});
  options.callbacks = {SpikeDetection({.action = SpikeAction::kSkip})};
  Trainer trainer(options);
  trainer.fit(model, std::vector<testing::Example>(5, line_batches(1).front()));
  const auto& w = model.weights;
  ASSERT_EQ(w.size(), 5);
  EXPECT_EQ(w[1], w[0]) << "the window with the spike";
  EXPECT_NE(w[3], w[2]) << "the next one";
  EXPECT_NE(w[4], w[3]) << "what was left over";
  EXPECT_TRUE(std::isfinite(w[4]));
}

TEST(SpikeDetection, GoesOnFromItsState) {
  const LogCapture log;
  Jumps model(std::nan(""));
  std::optional<Trainer> trainer;
  run(trainer, model, {.action = SpikeAction::kSkip});
  const State saved = trainer->callback<SpikeDetection>().state();
  SpikeDetection other;
  other.load_state(saved);
  EXPECT_EQ(other.state(), saved);
  EXPECT_EQ(other.spikes().size(), 1);
  EXPECT_THROW(other.load_state(State::map({{"last", 1.0}})), CheckpointError);
  EXPECT_THROW(SpikeDetection({.window = 0}), ConfigError);
  EXPECT_THROW(SpikeDetection({.warmup = -1}), ConfigError);
  EXPECT_THROW(SpikeDetection({.rtol = -1.0}), ConfigError);
}

}  // namespace
}  // namespace bolt
