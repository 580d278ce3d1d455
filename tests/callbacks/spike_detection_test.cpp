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

Trainer& run(std::optional<Trainer>& trainer, Jumps& model,
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
