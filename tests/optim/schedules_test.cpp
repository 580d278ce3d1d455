#include <gtest/gtest.h>

#include "optim/rates.h"

// What Python's schedules have no test for; schedules_golden_test.cpp holds
// their values.

namespace bolt {
namespace {

using namespace optim;
using testing::has;
using testing::lr_of;
using testing::message_of;
using testing::parameter;
using testing::sgd;
using testing::torchs;

// -- states ------------------------------------------------------------------

TEST(ScheduleState, OfSomethingElseChangesNothing) {
  const auto optimizer = sgd(0.1, 2);
  CosineAnnealingLR schedule(optimizer, {.t_max = 10});
  schedule.step();
  const std::string before = schedule.state().to_string();
  const auto one_group = sgd();
  const State bad[] = {State(), State::map(), State(3.0),
                       StepLR(one_group, {.step_size = 2}).state(),
                       CosineAnnealingLR(one_group, {.t_max = 5}).state()};
  for (const State& state : bad) {
    EXPECT_THROW(schedule.load_state(state), Error) << state.to_string();
    EXPECT_EQ(schedule.state().to_string(), before);
  }
  State zero = schedule.state();
  zero["T_max"] = 0;
  EXPECT_TRUE(
      has(message_of<CheckpointError>([&] { schedule.load_state(zero); }),
          {"CosineAnnealingLR", "T_max", "got 0"}));
  EXPECT_EQ(schedule.state().to_string(), before);
}

TEST(ScheduleState, OfACompositeWithOtherParts) {
  const auto optimizer = sgd();
  ChainedScheduler two(optimizer, {.schedulers = {ConstantLR(optimizer),
                                                  ConstantLR(optimizer)}});
  ChainedScheduler one(optimizer, {.schedulers = {ConstantLR(optimizer)}});
  EXPECT_TRUE(
      has(message_of<CheckpointError>([&] { one.load_state(two.state()); }),
          {"ChainedScheduler", "another number of schedules"}));
}

// -- first rates -------------------------------------------------------------

TEST(Schedules, ShareTheFirstRatesOfOurOptimizers) {
  const auto optimizer = sgd();
  LinearLR warmup(optimizer, {.start_factor = 0.5});
  CosineAnnealingLR cosine(optimizer, {.t_max = 10});
  EXPECT_EQ(cosine.base_lrs(), std::vector{0.1});
  EXPECT_EQ(optimizer->state().at("param_groups").items()[0].at("initial_lr"),
            State(0.1));
}

// torch's optimizers don't keep them, so that the parts see what was left.
TEST(Schedules, APartFindsTheFirstRatesOfTorchsOptimizersInWhateverOrder) {
  const auto optimizer = torchs();
  const auto second = std::make_shared<PolynomialLR>(
      optimizer, PolynomialLROptions{.total_iters = 4});
  const auto third = std::make_shared<LambdaLR>(
      optimizer, LambdaLROptions{.lr_lambda = [](int64_t) { return 0.5; }});
  const auto first = std::make_shared<ConstantLR>(
      optimizer, ConstantLROptions{.factor = 0.5, .total_iters = 2});
  SequentialLR schedule(
      optimizer, {.schedulers = {first, second, third}, .milestones = {2, 4}});
  EXPECT_EQ(lr_of(*optimizer), 0.05);
  EXPECT_EQ(second->base_lrs(), std::vector{0.1});
  EXPECT_EQ(third->base_lrs(), std::vector{0.1});
  EXPECT_EQ(first->base_lrs(), std::vector{0.1});
  schedule.step();
  schedule.step();
  EXPECT_EQ(lr_of(*optimizer), 0.1);
}

TEST(Schedules, AloneOneOfTorchsOptimizersBeginsWithWhatItFinds) {
  const auto optimizer = torchs();
  LinearLR warmup(optimizer, {.start_factor = 0.5});
  CosineAnnealingLR cosine(optimizer, {.t_max = 10});
  EXPECT_EQ(cosine.base_lrs(), std::vector{0.05});
}

TEST(Schedules, TakeInAGroupThatComesLater) {
  const auto optimizer = sgd();
  StepLR schedule(optimizer, {.step_size = 2, .gamma = 0.5});
  optimizer->add_param_group({.parameters = {parameter({3})}, .lr = 0.4});
  schedule.step();
  schedule.step();
  EXPECT_EQ(schedule.base_lrs(), (std::vector{0.1, 0.4}));
  EXPECT_EQ(schedule.last_lr(), (std::vector{0.05, 0.2}));
}

// -- one of a user's own -----------------------------------------------------

class HalveLR final : public Schedule {
 public:
  explicit HalveLR(OptimizerRef optimizer) : Schedule(std::move(optimizer)) {
    initial_step();
  }
  std::string_view name() const override { return "HalveLR"; }

 protected:
  void get_lr(std::vector<double>& lrs) override {
    for (double& lr : lrs) {
      lr = base_lrs().front() / static_cast<double>(1 + last_epoch());
    }
  }
};

TEST(Schedules, OnesOwnWorksAlike) {
  const auto optimizer = sgd(1);
  bolt::LRScheduler schedule = HalveLR(optimizer);
  EXPECT_EQ(lr_of(*optimizer), 1);
  schedule.step();
  EXPECT_EQ(lr_of(*optimizer), 0.5);
  EXPECT_EQ(schedule.name(), "HalveLR");
  EXPECT_EQ(schedule.state().at("last_epoch"), State(1));
}

}  // namespace
}  // namespace bolt
