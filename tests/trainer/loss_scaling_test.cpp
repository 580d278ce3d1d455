#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>

#include "support/errors.h"
#include "support/log_capture.h"
#include "support/models.h"
#include "support/temp_dir.h"

// The loss scaler in a fit: who sees scaled gradients, and what a skipped step
// is.

namespace bolt {
namespace {

using testing::has;
using testing::Line;
using testing::line_batches;
using testing::LogCapture;
using testing::message_of;
using testing::quiet;

// A weight whose gradient is what `gradients` says for each batch.
struct Told : LightningModule<> {
  explicit Told(std::vector<double> gradients)
      : gradients(std::move(gradients)) {
    w = register_parameter("w", torch::zeros({1}));
  }
  StepOutput training_step(const Batch&, StepContext& step) override {
    const double gradient = gradients[static_cast<std::size_t>(step.batch_idx)];
    if (gradient == 0) return {};
    return (w * gradient).sum();
  }
  OptimizerConfig configure_optimizers() override {
    return std::make_shared<torch::optim::SGD>(std::vector{w}, 1.0);
  }
  void on_before_optimizer_step(torch::optim::Optimizer&) override {
    seen.push_back(w.grad().defined() ? w.grad().item<double>() : 0);
  }
  void optimizer_step(int64_t epoch, int64_t batch_idx,
                      torch::optim::Optimizer& optimizer,
                      const std::function<at::Tensor()>& closure) override {
    if (two_calls) {
      closure();
      optimizer.step();
    } else {
      Module::optimizer_step(epoch, batch_idx, optimizer, closure);
    }
  }
  void on_train_batch_end(const StepOutput&, const Batch&,
                          const StepContext&) override {
    values.push_back(w.item<double>());
  }
  std::vector<double> gradients;
  torch::Tensor w;
  bool two_calls = false;
  std::vector<double> seen{}, values{};
};

std::shared_ptr<MixedPrecision> mixed(GradScalerOptions options = {}) {
  return std::make_shared<MixedPrecision>(
      MixedPrecisionOptions{.scaler = options});
}

TEST(LossScaling, HooksAndClippingSeeGradientsOfTheLossItself) {
  for (const bool two_calls : {false, true}) {
    Told model({0.5, -4, 0.25});
    model.two_calls = two_calls;
    Trainer trainer(quiet({.max_epochs = 1,
                           .precision = Precision::k16Mixed,
                           .gradient_clip_val = 1.0}));
    trainer.fit(model, line_batches(3));
    EXPECT_EQ(model.seen, (std::vector<double>{0.5, -4, 0.25}));
    EXPECT_NEAR(model.values[0], -0.5, 1e-6);
    EXPECT_NEAR(model.values[1], 0.5, 1e-6);
    EXPECT_NEAR(model.values[2], 0.25, 1e-6);
  }
}

TEST(LossScaling, AnOverflowSkipsTheStepAndCountsIt) {
  for (const bool two_calls : {false, true}) {
    const auto plugin = mixed({.init_scale = 64, .growth_interval = 2});
    Told model({1, INFINITY, 1, 1, NAN});
    model.two_calls = two_calls;
    Trainer trainer(quiet({.max_epochs = 1, .plugins = {plugin}}));
    trainer.fit(model, line_batches(5));
    EXPECT_EQ(model.values, (std::vector<double>{-1, -1, -2, -3, -3}));
    EXPECT_EQ(trainer.global_step(), 5);
    EXPECT_EQ(plugin->scaler()->get_scale(), 32);  // halved, doubled, halved
    EXPECT_EQ(trainer.fabric()
                  .state()
                  .at("MixedPrecision")
                  .at("_growth_tracker")
                  .as_int(),
              0);
  }
}

TEST(LossScaling, WithoutALossThereIsNoStep) {
  const auto plugin = mixed();
  Told model({1, 0, 1});
  Trainer trainer(quiet({.max_epochs = 1, .plugins = {plugin}}));
  trainer.fit(model, line_batches(3));
  EXPECT_EQ(model.values, (std::vector<double>{-1, -1, -2}));
  EXPECT_EQ(trainer.global_step(), 3);
  EXPECT_EQ(plugin->state().at("_growth_tracker").as_int(), 2);

  // Gradients of a window that ends without a loss are still scaled: they are
  // not used.
  Told window({1, 0, 1, 1});
  Trainer second(quiet({.max_epochs = 1,
                        .precision = Precision::k16Mixed,
                        .accumulate_grad_batches = 2,
                        .gradient_clip_val = 10.0}));
  second.fit(window, line_batches(4));
  EXPECT_EQ(window.values, (std::vector<double>{0, 0, 0, -1}));
}

TEST(LossScaling, AnOverflowIsNoAnomaly) {
  Told model({1, INFINITY, 1});
  Trainer trainer(quiet({.max_epochs = 1,
                         .precision = Precision::k16Mixed,
                         .detect_anomaly = true}));
  // The loss itself, 0 * inf, is what detect_anomaly refuses.
  EXPECT_THROW(trainer.fit(model, line_batches(3)), Error);

  struct Steep : Told {
    using Told::Told;
    StepOutput training_step(const Batch&, StepContext&) override {
      // A finite loss whose scaled gradient is not.
      return (w * 1e36).sum();
    }
  };
  Steep steep({1, 1});
  Trainer second(quiet({.max_epochs = 1,
                        .precision = Precision::k16Mixed,
                        .detect_anomaly = true}));
  second.fit(steep, line_batches(2));
  EXPECT_EQ(steep.values[0], 0);
}

TEST(LossScaling, AScaleThatFallsAndFallsIsWarnedOfOnce) {
  const LogCapture log;
  Told model(std::vector<double>(4, NAN));
  Trainer trainer(
      quiet({.max_epochs = 2, .plugins = {mixed({.init_scale = 2})}}));
  trainer.fit(model, line_batches(4));
  EXPECT_EQ(log.count("the loss scale fell below 1"), 1);
}

TEST(LossScaling, LBFGSIsRefusedBeforeTheFirstBatch) {
  struct Second : Line {
    OptimizerConfig configure_optimizers() override {
      return optim::LBFGS(parameters());
    }
  } model;
  int steps = 0;
  model.on_hook = [&](const std::string& hook) {
    steps += hook == "training_step" ? 1 : 0;
  };
  Trainer trainer(quiet({.max_epochs = 1, .precision = Precision::k16Mixed}));
  EXPECT_TRUE(
      has(message_of<ConfigError>([&] { trainer.fit(model, line_batches(1)); }),
          {"LBFGS", "bf16-mixed"}));
  EXPECT_EQ(steps, 0);
  Trainer other(quiet({.max_epochs = 1, .precision = Precision::kBF16Mixed}));
  other.fit(model, line_batches(1));
  EXPECT_GT(steps, 1);
}

// Two weights with an optimizer each.
struct Pair : LightningModule<> {
  Pair() {
    a = register_parameter("a", torch::zeros({1}));
    b = register_parameter("b", torch::zeros({1}));
  }
  StepOutput training_step(const Batch&, StepContext& step) override {
    const double overflow = step.batch_idx == 1 ? INFINITY : 1;
    if (automatic_optimization) return (a + b).sum();
    auto opt_a = optimizer(0);
    auto opt_b = optimizer(1);
    opt_a.zero_grad();
    opt_b.zero_grad();
    const auto x = torch::ones({1, 1});
    in_autocast = x.mm(x).scalar_type();
    // Both passes before both steps: the scale may change in between.
    manual_backward((a * 4).sum());
    manual_backward((b * overflow).sum());
    clip_gradients(opt_a, 1.0, ClipAlgorithm::kNorm);
    opt_a.step();
    opt_b.step();
    values.emplace_back(a.item<double>(), b.item<double>());
    return {};
  }
  void on_before_optimizer_step(torch::optim::Optimizer& of) override {
    seen.push_back(of.param_groups()[0].params()[0].grad().item<double>());
  }
  void backward(const at::Tensor& loss) override {
    const auto x = torch::ones({1, 1});
    in_backward = x.mm(x).scalar_type();
    Module::backward(loss);
  }
  OptimizerConfig configure_optimizers() override {
    const auto sgd = [](const torch::Tensor& w) {
      return std::make_shared<torch::optim::SGD>(std::vector{w}, 1.0);
    };
    return {{.optimizer = sgd(a), .name = "a"},
            {.optimizer = sgd(b), .name = "b", .every_n_batches = cadence}};
  }
  void on_train_batch_end(const StepOutput&, const Batch&,
                          const StepContext&) override {
    if (automatic_optimization) {
      values.emplace_back(a.item<double>(), b.item<double>());
    }
  }
  torch::Tensor a, b;
  int64_t cadence = 1;
  torch::ScalarType in_autocast{}, in_backward{};
  std::vector<double> seen{};
  std::vector<std::pair<double, double>> values{};
};

TEST(LossScaling, WorksUnderManualOptimization) {
  const auto plugin = mixed({.init_scale = 64, .growth_interval = 1});
  Pair model;
  model.automatic_optimization = false;
  Trainer trainer(quiet({.max_epochs = 1, .plugins = {plugin}}));
  trainer.fit(model, line_batches(3));
  ASSERT_EQ(model.values.size(), 3U);
  EXPECT_EQ(model.in_autocast, torch::kHalf);
  EXPECT_EQ(model.in_backward, torch::kFloat)
      << "the backward pass is outside of autocast";
  const std::vector<double> a{-1, -2, -3}, b{-1, -1, -2};
  for (std::size_t k = 0; k < 3; ++k) {
    EXPECT_NEAR(model.values[k].first, a[k], 1e-5);
    EXPECT_NEAR(model.values[k].second, b[k], 1e-5);
  }
  EXPECT_NEAR(model.seen[0], 1, 1e-5) << "clipped, and not scaled";
  EXPECT_EQ(model.seen[1], 1);
  EXPECT_TRUE(std::isinf(model.seen[3]));
  EXPECT_EQ(trainer.global_step(), 6);
}

TEST(LossScaling, AWindowHasOneScale) {
  const auto plugin = mixed({.init_scale = 64, .growth_interval = 1});
  Pair model;
  model.cadence = 3;
  Trainer trainer(quiet({.max_epochs = 1, .plugins = {plugin}}));
  trainer.fit(model, line_batches(6));
  const std::vector<double> a{-1, -2, -3, -4, -5, -6}, b{0, 0, -1, -1, -1, -2};
  for (std::size_t k = 0; k < 6; ++k) {
    EXPECT_NEAR(model.values[k].first, a[k], 1e-5);
    EXPECT_NEAR(model.values[k].second, b[k], 1e-5);
  }
  EXPECT_EQ(plugin->scaler()->get_scale(), 256) << "it grew with each window";
}

TEST(LossScaling, ARunThatIsSavedAndLoadedIsTheStraightRun) {
  const auto scale_of = [](Trainer& trainer) {
    return trainer.fabric().state().at("MixedPrecision");
  };
  const GradScalerOptions options{.init_scale = 64, .growth_interval = 3};
  Told straight({1, 1, INFINITY, 1});
  Trainer whole(quiet({.max_epochs = 2, .plugins = {mixed(options)}}));
  whole.fit(straight, line_batches(4));

  Told first({1, 1, INFINITY, 1});
  Trainer half(quiet({.max_epochs = 1, .plugins = {mixed(options)}}));
  half.fit(first, line_batches(4));
  Trainer rest(quiet({.max_epochs = 1, .plugins = {mixed()}}));
  rest.fabric().load_state(half.fabric().state());
  rest.fit(first, line_batches(4));
  EXPECT_EQ(scale_of(whole), scale_of(rest));
  EXPECT_EQ(straight.w.item<double>(), first.w.item<double>());
}

// The first optimizer steps on each batch, and overflows on the first one; the
// scale changes when the second one's window is over.
struct OverflowInWindow : LightningModule<> {
  OverflowInWindow() {
    a = register_parameter("a", torch::zeros({1}));
    b = register_parameter("b", torch::zeros({1}));
  }
  StepOutput training_step(const Batch&, StepContext& step) override {
    return (a * (step.batch_idx == 0 ? INFINITY : 1.0)).sum() + b.sum();
  }
  OptimizerConfig configure_optimizers() override {
    const auto sgd = [](const torch::Tensor& w) {
      return std::make_shared<optim::SGD>(std::vector{w},
                                          optim::SGDOptions{.lr = 1.0});
    };
    return {{.optimizer = sgd(a), .name = "a"},
            {.optimizer = sgd(b), .name = "b", .every_n_batches = 3}};
  }
  torch::Tensor a, b;
};

TEST(LossScaling, AResumedWindowKnowsOfItsOverflows) {
  const testing::TempDir dir;
  const auto fit = [&](const std::string& from) {
    const auto plugin = mixed({.init_scale = 64, .growth_interval = 1});
    OverflowInWindow model;
    TrainerOptions options = quiet(
        {.max_epochs = 1,
         .callbacks = {ModelCheckpoint({.dirpath = dir.path(),
                                        .save_top_k = -1,
                                        .every_n_train_steps = 1,
                                        .enable_version_counter = false})},
         .enable_checkpointing = true,
         .plugins = {plugin}});
    Trainer trainer(std::move(options));
    FitOptions how;
    if (!from.empty()) how.ckpt_path = dir.path() / from;
    trainer.fit(model, line_batches(6), {}, how);
    return plugin->scaler()->get_scale();
  };
  EXPECT_EQ(fit(""), 64) << "halved, and doubled";
  for (const char* step : {"1", "2", "3", "4", "5"}) {
    EXPECT_EQ(fit("epoch=0-step=" + std::string(step) + ".ckpt"), 64) << step;
  }
}

}  // namespace
}  // namespace bolt
