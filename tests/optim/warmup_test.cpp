#include <gtest/gtest.h>

#include <cmath>

#include "optim/rates.h"

namespace bolt {
namespace {

using namespace optim;
using testing::has;
using testing::lr_of;
using testing::refused;
using testing::sgd;

std::vector<double> rates(WarmupLROptions options, int steps) {
  const auto optimizer = sgd(1);
  WarmupLR schedule(optimizer, options);
  std::vector<double> all{lr_of(*optimizer)};
  for (int k = 0; k < steps; ++k) {
    schedule.step();
    all.push_back(lr_of(*optimizer));
  }
  return all;
}

void expect_near(const std::vector<double>& got,
                 const std::vector<double>& wanted) {
  ASSERT_EQ(got.size(), wanted.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_NEAR(got[i], wanted[i], 1e-12) << "step " << i;
  }
}

TEST(Warmup, GoesUpThenDownInAStraightLine) {
  expect_near(rates({.warmup_steps = 2,
                     .total_steps = 6,
                     .decay = AnnealStrategy::kLinear,
                     .end_factor = 0.2},
                    8),
              {0, 0.5, 1, 0.8, 0.6, 0.4, 0.2, 0.2, 0.2});
}

TEST(Warmup, GoesDownAsACosine) {
  const double high = (1 + std::cos(std::acos(-1) / 4)) / 2;
  expect_near(
      rates({.warmup_steps = 1, .total_steps = 5, .start_factor = 0.3}, 5),
      {0.3, 1, high, 0.5, 1 - high, 0});
}

TEST(Warmup, StaysUntilTheDecay) {
  expect_near(rates({.warmup_ratio = 0.2,
                     .total_steps = 10,
                     .decay_ratio = 0.2,
                     .decay = AnnealStrategy::kLinear},
                    10),
              {0, 0.5, 1, 1, 1, 1, 1, 1, 1, 0.5, 0});
}

TEST(Warmup, HalvesOfAnOddNumberFit) {
  EXPECT_EQ(
      rates({.warmup_ratio = 0.5, .total_steps = 5, .decay_ratio = 0.5}, 5)
          .back(),
      0);
}

TEST(Warmup, WithoutOneBeginsAtTheTop) {
  expect_near(rates({.total_steps = 2, .decay = AnnealStrategy::kLinear}, 2),
              {1, 0.5, 0});
}

TEST(Warmup, WaitsForTheNumberOfSteps) {
  const auto optimizer = sgd(1);
  WarmupLR schedule(optimizer, {.warmup_ratio = 0.5});
  EXPECT_TRUE(schedule.needs_total_steps());
  EXPECT_EQ(lr_of(*optimizer), 1);
  EXPECT_TRUE(has(refused([&] { schedule.step(); }),
                  {"WarmupLR", "how many steps", ".total_steps"}));
  schedule.set_total_steps(8);
  EXPECT_FALSE(schedule.needs_total_steps());
  EXPECT_EQ(lr_of(*optimizer), 0);
  schedule.step();
  EXPECT_EQ(lr_of(*optimizer), 0.25);

  const auto again = sgd(1);
  WarmupLR rest(again, {});
  rest.load_state(schedule.state());
  EXPECT_EQ(rest.total_steps(), 8);
  rest.step();
  EXPECT_EQ(lr_of(*again), 0.5);
}

TEST(Warmup, ConfigsStepAfterEachBatch) {
  const auto optimizer = sgd(1);
  const LRSchedulerConfig config = warmup_linear(
      optimizer, {.warmup_steps = 1, .total_steps = 3, .end_factor = 0.5});
  EXPECT_EQ(config.interval, Interval::kStep);
  const auto* schedule = config.scheduler->as<WarmupLR>();
  ASSERT_NE(schedule, nullptr);
  EXPECT_EQ(schedule->total_steps(), 3);
  EXPECT_TRUE(
      has(refused([&] { warmup_cosine(optimizer, {.warmup_ratio = -1}); }),
          {"warmup_ratio"}));
}

TEST(Warmup, DecaysInTheLastTenthByDefault) {
  const auto optimizer = sgd(1);
  LRScheduler schedule =
      *warmup_stable_decay(optimizer, {.total_steps = 20}).scheduler;
  for (int k = 0; k < 18; ++k) schedule.step();
  EXPECT_EQ(lr_of(*optimizer), 1);
  schedule.step();
  EXPECT_EQ(lr_of(*optimizer), 0.5);
}

}  // namespace
}  // namespace bolt
