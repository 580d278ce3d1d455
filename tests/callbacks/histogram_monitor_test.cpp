#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "support/errors.h"
#include "support/log_capture.h"
#include "support/models.h"
#include "support/row_logger.h"

namespace bolt {
namespace {

using testing::has;
using testing::Line;
using testing::line_batches;
using testing::LogCapture;
using testing::message_of;
using testing::quiet;

TEST(Histogram, CountsEachValueOnce) {
  const Histogram h =
      histogram_of(torch::tensor({0.0, 1.0, 1.5, 2.0, 4.0}).view({5, 1}), 4);
  EXPECT_EQ(h.count, 5);
  EXPECT_EQ(h.min, 0);
  EXPECT_EQ(h.max, 4);
  EXPECT_EQ(h.sum, 8.5);
  EXPECT_EQ(h.sum_of_squares, 1 + 2.25 + 4 + 16);
  EXPECT_EQ(h.limits, (std::vector<double>{0, 1, 2, 3, 4}));
  EXPECT_EQ(h.counts, (std::vector<int64_t>{1, 2, 1, 1}));
}

TEST(Histogram, TakesWhatThereIs) {
  const float inf = std::numeric_limits<float>::infinity();
  const Histogram odd =
      histogram_of(torch::tensor({1.0F, inf, std::nanf(""), 3.0F, -inf}), 2);
  EXPECT_EQ(odd.count, 2);
  EXPECT_EQ(odd.non_finite, 3);
  EXPECT_EQ(odd.counts, (std::vector<int64_t>{1, 1}));
  const Histogram same = histogram_of(torch::full({3}, 2, torch::kLong), 2);
  EXPECT_EQ(same.limits, (std::vector<double>{1.5, 2, 2.5}));
  EXPECT_EQ(same.counts, (std::vector<int64_t>{0, 3}));
  const Histogram none = histogram_of(torch::zeros({0}), 3);
  EXPECT_EQ(none.count, 0);
  EXPECT_EQ(none.counts, (std::vector<int64_t>{0, 0, 0}));
  EXPECT_EQ(histogram_of(torch::zeros({2}, torch::kBFloat16)).counts.size(),
            64);
  EXPECT_THROW(histogram_of(torch::zeros({1}), 0), ConfigError);
  EXPECT_THROW(histogram_of(torch::Tensor()), ConfigError);
  EXPECT_THROW(histogram_of(torch::zeros({1}, torch::kComplexFloat)),
               ConfigError);
}

struct Keeps final : testing::RowLogger {
  struct Entry {
    std::string name;
    int64_t step;
    Histogram histogram;
  };
  bool logs_histograms() const override { return true; }
  void log_histogram(std::string_view name, const Histogram& histogram,
                     int64_t step) override {
    entries.push_back({std::string(name), step, histogram});
  }
  std::vector<Entry> entries{};
};

struct Plain final : testing::RowLogger {};

TEST(HistogramMonitor, ShowsWeightsAndGradientsOfItsSteps) {
  const auto keeps = std::make_shared<Keeps>();
  std::vector<at::Tensor> weights, gradients;
  struct Model : Line {
    std::vector<at::Tensor>* weights = nullptr;
    std::vector<at::Tensor>* gradients = nullptr;
    void on_before_optimizer_step(torch::optim::Optimizer&) override {
      weights->push_back(layer->weight.detach().clone());
      gradients->push_back(layer->weight.grad().clone());
    }
  } model;
  model.weights = &weights;
  model.gradients = &gradients;
  TrainerOptions options = quiet({.max_epochs = 2, .logger = keeps});
  options.gradient_clip_val = 1e-6;
  options.callbacks = {HistogramMonitor({.every_n_steps = 3, .bins = 8})};
  Trainer(options).fit(model, line_batches(3));
  ASSERT_EQ(keeps->entries.size(), 8);
  std::vector<std::string> names;
  for (const auto& entry : keeps->entries) names.push_back(entry.name);
  names.resize(4);
  EXPECT_EQ(names, (std::vector<std::string>{
                       "weights/layer.weight", "gradients/layer.weight",
                       "weights/layer.bias", "gradients/layer.bias"}));
  EXPECT_EQ(keeps->entries[0].step, 2);
  EXPECT_EQ(keeps->entries[4].step, 5);
  EXPECT_EQ(keeps->entries[0].histogram, histogram_of(weights[2], 8));
  EXPECT_EQ(keeps->entries[5].histogram, histogram_of(gradients[5], 8))
      << "not clipped yet";
  EXPECT_FALSE(keeps->latest.contains("weights/layer.weight/mean"));
}

TEST(HistogramMonitor, GivesNumbersToLoggersWithoutHistograms) {
  const auto plain = std::make_shared<Plain>();
  struct Wide : Line {
    Wide() { more = register_parameter("more", torch::tensor({3.0, -4.0})); }
    StepOutput training_step(const Batch& batch, StepContext& step) override {
      return Line::training_step(batch, step).loss() + 0 * more.sum();
    }
    at::Tensor more;
  } model;
  TrainerOptions options = quiet({.max_epochs = 2, .logger = plain});
  options.callbacks = {HistogramMonitor(
      {.gradients = false,
       .every_n_steps = 1,
       .scalars = true,
       .filter = [](std::string_view name) { return name == "more"; }})};
  LogCapture log;
  Trainer(options).fit(model, line_batches(1));
  EXPECT_EQ(log.count("keeps no histograms; it gets the scalars"), 1);
  EXPECT_EQ(plain->latest.at("weights/more/min"), -4);
  EXPECT_EQ(plain->latest.at("weights/more/max"), 3);
  EXPECT_EQ(plain->latest.at("weights/more/mean"), -0.5);
  EXPECT_EQ(plain->latest.at("weights/more/std"), 3.5);
  EXPECT_EQ(plain->latest.at("weights/more/norm"), 5);
  EXPECT_FALSE(plain->latest.contains("weights/layer.weight/min"));
  EXPECT_FALSE(plain->latest.contains("gradients/more/min"));
}

// The n-th step is always the same optimizer's when two take turns.
TEST(HistogramMonitor, ShowsEachOfOptimizersThatTakeTurns) {
  struct Turns : Line {
    Turns() { automatic_optimization = false; }
    OptimizerConfig configure_optimizers() override {
      using torch::optim::SGD;
      return {std::make_shared<SGD>(std::vector{layer->weight}, 0.1),
              std::make_shared<SGD>(std::vector{layer->bias}, 0.1)};
    }
    StepOutput training_step(const Batch& batch, StepContext&) override {
      for (const auto& optimizer : optimizers()) {
        optimizer.zero_grad();
        manual_backward(loss_of(batch));
        optimizer.step();
      }
      return {};
    }
  } model;
  const auto keeps = std::make_shared<Keeps>();
  TrainerOptions options = quiet({.max_epochs = 1, .logger = keeps});
  options.callbacks = {
      HistogramMonitor({.gradients = false, .every_n_steps = 4})};
  Trainer(options).fit(model, line_batches(5));
  std::vector<std::pair<std::string, int64_t>> shown;
  for (const auto& entry : keeps->entries) {
    shown.emplace_back(entry.name, entry.step);
  }
  EXPECT_EQ(shown, (std::vector<std::pair<std::string, int64_t>>{
                       {"weights/layer.bias", 1},
                       {"weights/layer.weight", 2},
                       {"weights/layer.bias", 3},
                       {"weights/layer.weight", 4}}));
}

// Which calls its closure, and so the hook, several times a step.
TEST(HistogramMonitor, ShowsAStepOfLbfgsOnce) {
  struct Search : Line {
    OptimizerConfig configure_optimizers() override {
      return optim::LBFGS(parameters(), {.lr = 0.1, .max_iter = 4});
    }
  } model;
  const auto keeps = std::make_shared<Keeps>();
  TrainerOptions options = quiet({.max_epochs = 1, .logger = keeps});
  options.callbacks = {
      HistogramMonitor({.gradients = false, .every_n_steps = 2})};
  Trainer(options).fit(model, line_batches(4));
  EXPECT_EQ(keeps->entries.size(), 4) << "weight and bias, twice";
}

TEST(HistogramMonitor, RefusesToWorkForNobody) {
  EXPECT_THROW(HistogramMonitor({.every_n_steps = 0}), ConfigError);
  EXPECT_THROW(HistogramMonitor({.bins = 0}), ConfigError);
  EXPECT_THROW(HistogramMonitor({.weights = false, .gradients = false}),
               ConfigError);
  Line model;
  TrainerOptions none = quiet({.max_epochs = 1});
  none.callbacks = {HistogramMonitor()};
  EXPECT_TRUE(has(message_of<ConfigError>(
                      [&] { Trainer(none).fit(model, line_batches(1)); }),
                  {"HistogramMonitor", "no logger to send to"}));
}

// The same callbacks go with every logger.
TEST(HistogramMonitor, SaysThatNobodyKeepsHistograms) {
  const LogCapture messages;
  const auto plain = std::make_shared<Plain>();
  TrainerOptions options = quiet({.max_epochs = 1, .logger = plain});
  options.callbacks = {HistogramMonitor({.every_n_steps = 1})};
  Line model;
  Trainer(options).fit(model, line_batches(3));
  EXPECT_EQ(messages.count("no logger of the Trainer keeps histograms"), 1);
  EXPECT_EQ(messages.count("scalars"), 1);
}

}  // namespace
}  // namespace bolt
