#include <gtest/gtest.h>

#include "optim/rates.h"

namespace bolt {
namespace {

using namespace optim;
using testing::has;
using testing::lr_of;
using testing::refused;
using testing::sgd;
using testing::torchs;

TEST(LRScheduler, HoldsAnyKind) {
  const auto optimizer = sgd();
  const auto other = torchs();
  bolt::LRScheduler ours = StepLR(optimizer, {.step_size = 1, .gamma = 0.5});
  bolt::LRScheduler plateau = ReduceLROnPlateau(optimizer, {.patience = 0});
  bolt::LRScheduler torchs = torch::optim::StepLR(*other, 1, 0.5);
  bolt::LRScheduler torchs_plateau =
      torch::optim::ReduceLROnPlateauScheduler(*other);

  EXPECT_EQ(ours.name(), "StepLR");
  EXPECT_EQ(plateau.name(), "ReduceLROnPlateau");
  EXPECT_EQ(torchs.name(), "StepLR");
  EXPECT_EQ(torchs_plateau.name(), "ReduceLROnPlateauScheduler");
  EXPECT_FALSE(ours.needs_metric());
  EXPECT_TRUE(plateau.needs_metric());
  EXPECT_FALSE(torchs.needs_metric());
  EXPECT_TRUE(torchs_plateau.needs_metric());
  EXPECT_EQ(ours.optimizer(), optimizer.get());
  EXPECT_EQ(plateau.optimizer(), optimizer.get());
  EXPECT_EQ(torchs.optimizer(), nullptr);
  EXPECT_EQ(torchs_plateau.optimizer(), nullptr);

  ours.step();
  EXPECT_EQ(lr_of(*optimizer), 0.05);
  ours.step(3.0);  // looks at no metric
  EXPECT_EQ(lr_of(*optimizer), 0.025);
  plateau.step(1.0);
  plateau.step(1.0);
  EXPECT_NEAR(lr_of(*optimizer), 0.0025, 1e-15);
  EXPECT_NE(ours.as<StepLR>(), nullptr);
  EXPECT_EQ(ours.as<LambdaLR>(), nullptr);
  EXPECT_EQ(ours.as<torch::optim::StepLR>(), nullptr);
  EXPECT_NE(torchs.as<torch::optim::StepLR>(), nullptr);
  EXPECT_NE(plateau.as<ReduceLROnPlateau>(), nullptr);
}

TEST(LRScheduler, CopiesAreOneSchedule) {
  const auto optimizer = sgd();
  const auto shared = std::make_shared<StepLR>(
      optimizer, StepLROptions{.step_size = 1, .gamma = 0.5});
  bolt::LRScheduler one = shared, two = one;
  two.step();
  EXPECT_EQ(shared->last_epoch(), 1);
  EXPECT_EQ(one.as<StepLR>(), shared.get());
}

TEST(LRScheduler, APlateauAsksForItsMetric) {
  const auto optimizer = sgd();
  bolt::LRScheduler plateau = ReduceLROnPlateau(optimizer);
  EXPECT_TRUE(has(refused([&] { plateau.step(); }),
                  {"ReduceLROnPlateau", "without a metric"}));
}

TEST(LRScheduler, OnlyOursHaveState) {
  const auto optimizer = sgd();
  const auto other = torchs();
  bolt::LRScheduler ours = StepLR(optimizer, {.step_size = 3});
  ASSERT_TRUE(ours.has_state());
  ours.step();
  const State state = ours.state();
  EXPECT_EQ(state.at("last_epoch"), State(1));
  bolt::LRScheduler again = StepLR(optimizer, {.step_size = 5});
  again.load_state(state);
  EXPECT_EQ(again.state(), state);

  bolt::LRScheduler torchs = torch::optim::StepLR(*other, 1, 0.5);
  EXPECT_FALSE(torchs.has_state());
  EXPECT_TRUE(has(refused([&] { (void)torchs.state(); }),
                  {"StepLR", "no state", "bolt::optim"}));
  EXPECT_TRUE(has(refused([&] { torchs.load_state(state); }), {"no state"}));
}

TEST(LRScheduler, RefusesANullPointer) {
  EXPECT_TRUE(
      has(refused([] { bolt::LRScheduler none = std::shared_ptr<StepLR>(); }),
          {"null pointer"}));
}

}  // namespace
}  // namespace bolt
