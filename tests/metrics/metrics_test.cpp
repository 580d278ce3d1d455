#include <gtest/gtest.h>
#include <torch/torch.h>
#include <torchbolt/core/error.h>
#include <torchbolt/metrics/metrics.h>

#include "support/errors.h"

namespace bolt::metrics {
namespace {

using bolt::testing::has;
using bolt::testing::message_of;

double value(const Metric& metric) { return metric.compute().item<double>(); }

// Every metric: how to make it and how to feed it batch k.
struct Case {
  const char* name;
  std::function<std::unique_ptr<Metric>()> make;
  std::function<void(Metric&, int64_t)> feed;
};

torch::Tensor batch_of(int64_t k) {
  return (torch::arange(1, 8, torch::kDouble) * (k + 3)).sin();
}

const std::vector<Case>& all() {
  static const auto feed_value = [](auto& metric, int64_t k) {
    metric.update(batch_of(k));
  };
  static const std::vector<Case> cases{
      {"Mean", [] { return std::make_unique<Mean>(); },
       [](Metric& m, int64_t k) {
         dynamic_cast<Mean&>(m).update(batch_of(k), 1.0 + double(k));
       }},
      {"Sum", [] { return std::make_unique<Sum>(); },
       [](Metric& m, int64_t k) { feed_value(dynamic_cast<Sum&>(m), k); }},
      {"Min", [] { return std::make_unique<Min>(); },
       [](Metric& m, int64_t k) { feed_value(dynamic_cast<Min&>(m), k); }},
      {"Max", [] { return std::make_unique<Max>(); },
       [](Metric& m, int64_t k) { feed_value(dynamic_cast<Max&>(m), k); }},
      {"Accuracy",
       [] {
         return std::make_unique<Accuracy>(AccuracyOptions{.num_classes = 3});
       },
       [](Metric& m, int64_t k) {
         dynamic_cast<Accuracy&>(m).update(torch::tensor({0, 1, 2, int(k % 3)}),
                                           torch::tensor({0, 1, 1, 1}));
       }},
  };
  return cases;
}

TEST(EveryMetric, PartsMergedInAnyOrderAreTheWhole) {
  for (const Case& c : all()) {
    const auto whole = c.make();
    for (int64_t k = 0; k < 6; ++k) c.feed(*whole, k);
    const auto parts = c.make();
    for (const int64_t k : {4, 0, 5, 2, 1, 3}) {
      const auto part = c.make();
      c.feed(*part, k);
      parts->merge(part->state());
    }
    EXPECT_NEAR(value(*parts), value(*whole), 1e-15) << c.name;
  }
}

TEST(EveryMetric, GoesOnFromItsState) {
  for (const Case& c : all()) {
    const auto straight = c.make();
    const auto first = c.make();
    for (int64_t k = 0; k < 3; ++k) {
      c.feed(*straight, k);
      c.feed(*first, k);
    }
    const auto second = c.make();
    second->load_state(first->state());
    c.feed(*straight, 3);
    c.feed(*second, 3);
    EXPECT_EQ(straight->state(), second->state()) << c.name;
  }
}

TEST(EveryMetric, ForgetsWhenReset) {
  for (const Case& c : all()) {
    const auto metric = c.make();
    const State fresh = metric->state();
    c.feed(*metric, 1);
    EXPECT_FALSE(metric->state() == fresh) << c.name;
    metric->reset();
    EXPECT_EQ(metric->state(), fresh) << c.name;
  }
}

TEST(EveryMetric, RefusesTheStateOfAnother) {
  for (const Case& c : all()) {
    const auto other =
        std::string(c.name) == "Mean" ? all()[1].make() : all()[0].make();
    const auto metric = c.make();
    EXPECT_THROW(metric->load_state(other->state()), CheckpointError) << c.name;
  }
}

TEST(EveryMetric, LastIsOfTheLastUpdateAlone) {
  for (const Case& c : all()) {
    const auto metric = c.make();
    c.feed(*metric, 0);
    c.feed(*metric, 2);
    const auto alone = c.make();
    c.feed(*alone, 2);
    EXPECT_DOUBLE_EQ(metric->last().item<double>(), value(*alone)) << c.name;
  }
}

TEST(Mean, Weighs) {
  Mean mean;
  mean.update(2.0, 3);
  mean.update(10.0, 1);
  EXPECT_DOUBLE_EQ(value(mean), 4.0);
  EXPECT_TRUE(std::isnan(value(Mean())));
}

TEST(Accuracy, CountsScoresClassesAndTopK) {
  const auto scores = torch::tensor({{.1, .7, .2}, {.5, .3, .2}, {.2, .3, .5}});
  const auto target = torch::tensor({1, 1, 2});
  Accuracy top1({.num_classes = 3});
  top1.update(scores, target);
  EXPECT_DOUBLE_EQ(value(top1), 2.0 / 3);
  Accuracy top2({.num_classes = 3, .top_k = 2});
  top2.update(scores, target);
  EXPECT_DOUBLE_EQ(value(top2), 1.0);
}

TEST(Accuracy, MacroWeighsClassesAlikeAndIgnoresWhatItShould) {
  Accuracy macro({.num_classes = 3, .average = Average::kMacro});
  macro.update(torch::tensor({0, 0, 0, 1}), torch::tensor({0, 0, 1, 1}));
  EXPECT_DOUBLE_EQ(value(macro), 0.75);  // class 2 doesn't occur
  Accuracy ignoring({.num_classes = 3, .ignore_index = -100});
  ignoring.update(torch::tensor({0, 1, 2}), torch::tensor({0, -100, 1}));
  EXPECT_DOUBLE_EQ(value(ignoring), 0.5);
}

TEST(Accuracy, TwoClassesTakeProbabilitiesAndLogits) {
  Accuracy accuracy;
  accuracy.update(torch::tensor({0.9, 0.2, 0.6}), torch::tensor({1, 0, 0}));
  EXPECT_DOUBLE_EQ(value(accuracy), 2.0 / 3);
  accuracy.reset();
  accuracy.update(torch::tensor({3.0, -2.0, 0.1}), torch::tensor({1, 0, 0}));
  EXPECT_DOUBLE_EQ(value(accuracy), 2.0 / 3);
}

TEST(Accuracy, ATargetOfNoClassIsRefusedAndCountsNothing) {
  Accuracy accuracy({.num_classes = 3, .ignore_index = -1});
  const auto of = [](std::vector<int64_t> classes) {
    return torch::tensor(classes, torch::kLong);
  };
  accuracy.update(of({1, 2}), of({1, -1}));
  for (const int64_t stray : {3, 4, -2}) {
    const std::string message = message_of<DataError>(
        [&] { accuracy.update(of({1, 2}), of({0, stray})); });
    EXPECT_TRUE(has(message, {"no class", "0 to 2"}));
    EXPECT_NE(message.find(std::to_string(stray)), std::string::npos);
  }
  EXPECT_EQ(value(accuracy), 1.0);
  EXPECT_EQ(accuracy.last().item<double>(), 1.0);
}

// Where update() doesn't wait for its device, compute() tells of them.
TEST(Accuracy, TargetsOfNoClassAreInItsState) {
  Accuracy whole({.num_classes = 3});
  whole.update(torch::tensor({1, 2}), torch::tensor({1, 2}));
  State state = whole.state();
  EXPECT_EQ(state.at("strays").as_tensor().item<int64_t>(), 0);
  state["strays"] = torch::tensor(2);
  Accuracy merged({.num_classes = 3});
  merged.merge(state);
  Accuracy loaded({.num_classes = 3});
  loaded.load_state(merged.state());
  EXPECT_TRUE(has(message_of<DataError>([&] { (void)loaded.compute(); }),
                  {"no class", "2 others"}));
  loaded.reset();
  loaded.merge(whole.state());
  EXPECT_EQ(value(loaded), 1.0);
}

TEST(Accuracy, ErrorsNameTheShapes) {
  Accuracy accuracy({.num_classes = 3});
  EXPECT_TRUE(has(message_of<DataError>([&] {
                    accuracy.update(torch::zeros({4, 5}),
                                    torch::zeros({4}, torch::kLong));
                  }),
                  {"[4, 5]", "[4]", "3 classes"}));
  EXPECT_THROW(Accuracy({.num_classes = 1}), ConfigError);
  EXPECT_THROW(Accuracy({.num_classes = 3, .top_k = 4}), ConfigError);
}

}  // namespace
}  // namespace bolt::metrics
