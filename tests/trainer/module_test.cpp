#include <gtest/gtest.h>

#include <functional>

#include "support/errors.h"
#include "support/log_capture.h"
#include "support/models.h"

namespace bolt {
namespace {

using testing::has;
using testing::Line;
using testing::line_batches;
using testing::message_of;
using testing::quiet;

TEST(Module, FreezesAndUnfreezes) {
  Line model;
  model.freeze();
  EXPECT_FALSE(model.is_training());
  EXPECT_FALSE(model.layer->is_training());
  EXPECT_FALSE(model.layer->weight.requires_grad());
  EXPECT_FALSE(model.layer->bias.requires_grad());
  model.unfreeze();
  EXPECT_TRUE(model.is_training());
  EXPECT_TRUE(model.layer->is_training());
  EXPECT_TRUE(model.layer->weight.requires_grad());
  EXPECT_TRUE(model.layer->bias.requires_grad());
}

// A frozen part stays as it is, and the rest is trained.
TEST(Module, TrainsTheRestOfAModelThatIsFrozenInPart) {
  struct Parts : Line {
    Parts() { register_module("head", head); }
    StepOutput training_step(const Batch& batch, StepContext&) override {
      return torch::mse_loss(head->forward(layer->forward(batch.data)),
                             batch.target);
    }
    void on_fit_start() override { layer->weight.requires_grad_(false); }
    torch::nn::Linear head{1, 1};
  } model;
  const auto frozen = model.layer->weight.clone();
  const auto trained = model.head->weight.clone();
  Trainer(quiet({.max_epochs = 1})).fit(model, line_batches(2));
  EXPECT_TRUE(torch::equal(model.layer->weight, frozen));
  EXPECT_FALSE(torch::equal(model.head->weight, trained));
}

TEST(Module, AFrozenModelsLossIsExplained) {
  Line model;
  model.freeze();
  const testing::LogCapture log;
  EXPECT_TRUE(
      has(message_of<ConfigError>([&] {
            Trainer(quiet({.max_epochs = 1})).fit(model, line_batches(1));
          }),
          {"training_step", "can't be differentiated"}));
}

TEST(Module, PrintsALineWithAndWithoutATrainer) {
  struct Talks : Line {
    void on_train_start() override { print("in a run"); }
  } model;
  ::testing::internal::CaptureStdout();
  model.print("before");
  Trainer trainer(quiet({.max_epochs = 1}));
  trainer.fit(model, line_batches(1));
  trainer.print("behind");
  EXPECT_EQ(::testing::internal::GetCapturedStdout(),
            "before\nin a run\nbehind\n");
}

// What the module asks for, beside what the Trainer was told.
std::string clip(std::optional<double> of_trainer,
                 std::optional<ClipAlgorithm> algorithm_of_trainer,
                 std::optional<double> of_module,
                 std::optional<ClipAlgorithm> algorithm_of_module,
                 double* largest = nullptr) {
  struct Clips : Line {
    void configure_gradient_clipping(torch::optim::Optimizer& optimizer,
                                     std::optional<double>,
                                     std::optional<ClipAlgorithm>) override {
      clip_gradients(optimizer, value, algorithm);
      for (const auto& g : optim::gradients(optimizer)) {
        largest = std::max(largest, g.abs().max().item<double>());
      }
    }
    std::optional<double> value{};
    std::optional<ClipAlgorithm> algorithm{};
    double largest = 0;
  } model;
  model.value = of_module;
  model.algorithm = algorithm_of_module;
  try {
    Trainer(quiet({.max_steps = 1,
                   .gradient_clip_val = of_trainer,
                   .gradient_clip_algorithm = algorithm_of_trainer}))
        .fit(model, line_batches(1));
  } catch (const ConfigError& error) {
    return error.what();
  }
  if (largest != nullptr) *largest = model.largest;
  return "";
}

TEST(Module, ClipArgumentsMustAgreeWithTheTrainers) {
  constexpr auto kNorm = ClipAlgorithm::kNorm;
  constexpr auto kValue = ClipAlgorithm::kValue;
  EXPECT_TRUE(has(clip(0.1, {}, 0.2, {}),
                  {"clip_gradients", "the value differs", "one of the two"}));
  EXPECT_TRUE(has(clip(0.1, kNorm, 0.1, kValue), {"the algorithm differs"}));
  double largest = 0;
  EXPECT_EQ(clip(0.01, kValue, 0.01, kValue, &largest), "");
  EXPECT_NEAR(largest, 0.01, 1e-8);
  EXPECT_EQ(clip({}, {}, 0.02, kValue, &largest), "");  // the module's alone
  EXPECT_NEAR(largest, 0.02, 1e-8);
  EXPECT_EQ(clip(0.03, kValue, {}, {}, &largest), "");  // the Trainer's alone
  EXPECT_NEAR(largest, 0.03, 1e-8);
  EXPECT_EQ(clip({}, {}, {}, {}, &largest), "");
  EXPECT_GT(largest, 0.03);
  EXPECT_EQ(clip(-1.0, {}, {}, {}, &largest), "");
  EXPECT_GT(largest, 0.03);
}

TEST(Trainer, SetsDeterminismAsItIsTold) {
  struct Restore {
    bool on = at::globalContext().deterministicAlgorithms();
    bool warn = at::globalContext().deterministicAlgorithmsWarnOnly();
    ~Restore() { at::globalContext().setDeterministicAlgorithms(on, warn); }
  } const restore;
  at::Context& context = at::globalContext();
  const Trainer on(quiet({.deterministic = Deterministic::kOn}));
  EXPECT_TRUE(context.deterministicAlgorithms());
  EXPECT_FALSE(context.deterministicAlgorithmsWarnOnly());
  const Trainer unset(quiet());  // the process's own setting stays
  EXPECT_TRUE(context.deterministicAlgorithms());
  const Trainer warn(quiet({.deterministic = Deterministic::kWarn}));
  EXPECT_TRUE(context.deterministicAlgorithms());
  EXPECT_TRUE(context.deterministicAlgorithmsWarnOnly());
  const Trainer off(quiet({.deterministic = Deterministic::kOff}));
  EXPECT_FALSE(context.deterministicAlgorithms());
  EXPECT_EQ(parse_deterministic("warn"), Deterministic::kWarn);
  EXPECT_TRUE(has(message_of<ConfigError>([] { parse_deterministic("yes"); }),
                  {"deterministic", "\"yes\"", "warn"}));
}

// An operation that has no deterministic way is refused in the user's step.
TEST(Trainer, DeterministicRefusesWhatIsNot) {
  struct Restore {
    ~Restore() { at::globalContext().setDeterministicAlgorithms(false, false); }
  } const restore;
  struct Checks : Line {
    StepOutput training_step(const Batch& batch, StepContext& step) override {
      at::globalContext().alertNotDeterministic("some_operation");
      return Line::training_step(batch, step);
    }
  } model;
  const auto run = [&](Deterministic choice) {
    Trainer(quiet({.max_epochs = 1, .deterministic = choice}))
        .fit(model, line_batches(1));
  };
  EXPECT_NO_THROW(run(Deterministic::kOff));
  EXPECT_TRUE(has(message_of<c10::Error>([&] { run(Deterministic::kOn); }),
                  {"some_operation", "deterministic"}));
}

}  // namespace
}  // namespace bolt
