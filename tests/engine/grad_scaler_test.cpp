#include <gtest/gtest.h>
#include <torch/torch.h>
#include <torchbolt/torchbolt.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "support/errors.h"

// The loss scaler does what Python's does; see make_scaler_golden.py.

namespace bolt {
namespace {

using nlohmann::json;
using testing::has;
using testing::message_of;

double number(const json& value) {
  if (value.is_number()) return value.get<double>();
  constexpr double kInf = std::numeric_limits<double>::infinity();
  if (value == "inf") return kInf;
  return value == "-inf" ? -kInf : std::numeric_limits<double>::quiet_NaN();
}

GradScaler make(const json& options) {
  GradScalerOptions made;
  made.init_scale = options.value("init_scale", made.init_scale);
  made.growth_factor = options.value("growth_factor", made.growth_factor);
  made.backoff_factor = options.value("backoff_factor", made.backoff_factor);
  made.growth_interval = options.value("growth_interval", made.growth_interval);
  made.enabled = options.value("enabled", made.enabled);
  return GradScaler(made);
}

// A weight, and one step on a loss of a given gradient.
struct Weight {
  torch::Tensor tensor = torch::ones({1}).requires_grad_();
  torch::optim::SGD sgd{std::vector<torch::Tensor>{tensor}, 0.1};

  void backward(GradScaler& scaler, double gradient) {
    sgd.zero_grad();
    scaler.scale((tensor * gradient).sum()).backward();
  }
  double gradient() const { return tensor.grad().item<double>(); }
  double value() const { return tensor.item<double>(); }
};

TEST(GradScaler, DoesWhatPythonsDoes) {
  std::ifstream file(TORCHBOLT_SCALER_GOLDEN);
  const json cases = json::parse(file).at("cases");
  ASSERT_EQ(cases.size(), 8U);
  for (const auto& [name, c] : cases.items()) {
    SCOPED_TRACE(name);
    GradScaler scaler = make(c["options"]);
    Weight weight;
    for (const json& step : c["steps"]) {
      weight.backward(scaler, number(step["gradient"]));
      scaler.step(weight.sgd);
      scaler.update();
      EXPECT_EQ(scaler.get_scale(), number(step["scale"]));
      const double expected = number(step["weight"]);
      if (std::isnan(expected)) {
        EXPECT_TRUE(std::isnan(weight.value()));
      } else if (std::isinf(expected)) {
        EXPECT_EQ(weight.value(), expected);
      } else {
        EXPECT_NEAR(weight.value(), expected, 1e-7);
      }
      if (scaler.is_enabled()) {
        EXPECT_EQ(scaler.state().at("_growth_tracker").as_int(),
                  step["tracker"].get<int64_t>());
      }
    }
    ASSERT_EQ(scaler.state().size(), c["state"].size());
    for (const auto& [key, value] : c["state"].items()) {
      EXPECT_EQ(scaler.state().at(std::string_view(key)).as_double(),
                value.get<double>())
          << key;
    }
  }
}

TEST(GradScaler, UnscalesOnceAndTellsOfOverflow) {
  GradScaler scaler;
  Weight weight;
  weight.backward(scaler, 0.25);
  EXPECT_EQ(weight.gradient(), 0.25 * 65536);
  EXPECT_FALSE(scaler.unscaled(weight.sgd));
  scaler.unscale_(weight.sgd);
  EXPECT_EQ(weight.gradient(), 0.25);
  EXPECT_TRUE(scaler.unscaled(weight.sgd));
  EXPECT_FALSE(scaler.found_inf(weight.sgd));
  EXPECT_TRUE(has(message_of<ConfigError>([&] { scaler.unscale_(weight.sgd); }),
                  {"GradScaler", "unscale_() has been called"}));
  EXPECT_TRUE(scaler.step(weight.sgd));
  EXPECT_TRUE(has(message_of<ConfigError>([&] { scaler.step(weight.sgd); }),
                  {"step() has been called", "update()"}));
  scaler.update();

  weight.backward(scaler, std::numeric_limits<double>::infinity());
  const double before = weight.value();
  scaler.unscale_(weight.sgd);
  EXPECT_TRUE(scaler.found_inf(weight.sgd));
  EXPECT_FALSE(scaler.step(weight.sgd));
  EXPECT_EQ(weight.value(), before);
}

TEST(GradScaler, TheScaleOfABackwardPassHoldsForAllWhoStepOnIt) {
  GradScaler scaler({.init_scale = 4, .growth_interval = 1});
  Weight one, two;
  one.backward(scaler, 0.5);
  two.backward(scaler, 0.5);
  scaler.step(one.sgd);
  scaler.update();  // grows
  EXPECT_EQ(scaler.get_scale(), 8);
  scaler.step(two.sgd);
  EXPECT_EQ(one.value(), two.value());
}

TEST(GradScaler, OneOverflowOfTwoOptimizersShrinksTheScale) {
  GradScaler scaler({.init_scale = 4});
  Weight one, two;
  one.backward(scaler, 0.5);
  two.backward(scaler, std::numeric_limits<double>::quiet_NaN());
  EXPECT_TRUE(scaler.step(one.sgd));
  EXPECT_FALSE(scaler.step(two.sgd));
  scaler.update();
  EXPECT_EQ(scaler.get_scale(), 2);
}

TEST(GradScaler, TheScaleCanBeSet) {
  GradScaler scaler;
  scaler.update(32.0);
  Weight weight;
  weight.backward(scaler, 1);
  EXPECT_EQ(weight.gradient(), 32);
  scaler.step(weight.sgd);
  scaler.update(16.0);
  EXPECT_EQ(scaler.get_scale(), 16);
  EXPECT_THROW(scaler.update(0.0), ConfigError);
}

TEST(GradScaler, SparseAndComplexGradientsAreUnscaled) {
  GradScaler scaler({.init_scale = 8});
  torch::nn::Embedding rows(torch::nn::EmbeddingOptions(4, 1).sparse(true));
  const auto z = torch::ones({1}, torch::kComplexFloat).requires_grad_();
  torch::optim::SGD sgd({rows->weight, z}, 0.1);
  auto loss =
      rows->forward(torch::tensor({1, 1})).sum() + torch::real(z * 2.0).sum();
  scaler.scale(loss).backward();
  scaler.unscale_(sgd);
  EXPECT_EQ(rows->weight.grad().to_dense().sum().item<double>(), 2);
  EXPECT_EQ(torch::real(z.grad()).item<double>(), 2);
}

TEST(GradScaler, RefusesWhatItCantDo) {
  const auto refused = [](const GradScalerOptions& options) {
    return message_of<ConfigError>([&] { GradScaler scaler(options); });
  };
  EXPECT_TRUE(has(refused({.init_scale = 0}), {"init_scale", "got 0"}));
  EXPECT_TRUE(has(refused({.growth_factor = 1}), {"growth_factor"}));
  EXPECT_TRUE(has(refused({.backoff_factor = 1}), {"backoff_factor"}));
  EXPECT_TRUE(has(refused({.growth_interval = 0}), {"growth_interval"}));

  GradScaler scaler;
  Weight weight;
  EXPECT_TRUE(has(message_of<ConfigError>([&] { scaler.step(weight.sgd); }),
                  {"step() before any scale()"}));
  auto half = torch::ones({1}, torch::kHalf).requires_grad_();
  torch::optim::SGD sgd({half}, 0.1);
  scaler.scale(half.sum()).backward();
  EXPECT_TRUE(has(message_of<ConfigError>([&] { scaler.unscale_(sgd); }),
                  {"float16", "\"16-true\""}));
}

TEST(GradScaler, ARunThatIsSavedAndLoadedIsTheStraightRun) {
  const GradScalerOptions options{.init_scale = 4, .growth_interval = 3};
  const std::vector<double> gradients{1, 1, INFINITY, 1, 1, 1, 1, 1};
  for (std::size_t split = 0; split <= gradients.size(); ++split) {
    GradScaler straight(options);
    auto split_run = std::make_unique<GradScaler>(options);
    for (std::size_t k = 0; k < gradients.size(); ++k) {
      if (k == split) {
        const State state = split_run->state();
        split_run = std::make_unique<GradScaler>();
        split_run->load_state(state);
      }
      for (GradScaler* scaler : {&straight, split_run.get()}) {
        Weight weight;
        weight.backward(*scaler, gradients[k]);
        scaler->step(weight.sgd);
        scaler->update();
      }
    }
    EXPECT_EQ(straight.state(), split_run->state()) << split;
  }
}

TEST(GradScaler, RefusesAStateThatDoesntFitAndKeepsItsOwn) {
  GradScaler scaler({.init_scale = 4});
  const State before = scaler.state();
  const auto refused = [&](const State& state) {
    return message_of<CheckpointError>([&] { scaler.load_state(state); });
  };
  EXPECT_TRUE(has(refused(State::map()), {"GradScaler", "empty"}));
  EXPECT_TRUE(has(refused(State::map({{"scale", 1.0}})), {"growth_factor"}));
  State bad = before;
  bad["scale"] = -1.0;
  EXPECT_TRUE(has(refused(bad), {"GradScaler", "init_scale"}));
  EXPECT_EQ(scaler.state(), before);
}

}  // namespace
}  // namespace bolt
