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
  const auto three_groups = sgd(0.1, 3);
  const State bad[] = {State(), State::map(), State(3.0),
                       StepLR(one_group, {.step_size = 2}).state(),
                       CosineAnnealingLR(three_groups, {.t_max = 5}).state()};
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

// As Python's does where it doesn't fail.
TEST(ScheduleState, OfFewerGroupsLeavesTheNewOnesTheirRates) {
  const auto one = sgd(1);
  const auto two = sgd(1);
  two->add_param_group({.parameters = {parameter({3})}, .lr = 0.25});
  StepLR step(one, {.step_size = 1, .gamma = 0.5});
  LambdaLR lambda(one, {.lr_lambda = [](int64_t n) { return 1.0 / (n + 1); }});
  step.step();
  lambda.step();
  StepLR into_step(two, {.step_size = 3, .gamma = 0.125});
  into_step.load_state(step.state());
  EXPECT_EQ(into_step.last_lr(), (std::vector{0.5, 0.25}));
  EXPECT_EQ(into_step.base_lrs(), (std::vector{1.0, 0.25}));
  into_step.step();
  EXPECT_EQ(into_step.last_lr(), (std::vector{0.5, 0.125}));
  two->param_groups()[0].options().set_lr(1);
  LambdaLR into_lambda(two, {.lr_lambda = [](int64_t) { return 0.5; }});
  into_lambda.load_state(lambda.state());
  into_lambda.step();
  EXPECT_EQ(into_lambda.last_lr(), (std::vector{0.5, 0.125}));

  ReduceLROnPlateau plateau(one, {.factor = 0.5, .patience = 0});
  plateau.step(1.0);
  ReduceLROnPlateau into_plateau(two);
  into_plateau.load_state(plateau.state());
  const double before = lr_of(*two, 1);
  into_plateau.step(2.0);
  EXPECT_EQ(lr_of(*two, 1), before / 2);
}

TEST(ScheduleState, OfACycleKnowsEachGroup) {
  const auto one = sgd(1);
  const auto two = sgd(1, 2);
  CyclicLR cycle(one, {.base_lr = 0.1, .max_lr = 1});
  CyclicLR into(two, {.base_lr = 0.1, .max_lr = 1});
  EXPECT_TRUE(
      has(message_of<CheckpointError>([&] { into.load_state(cycle.state()); }),
          {"CyclicLR", "other parameter groups", "1 values in max_lrs"}));
}

// -- where Python has no answer ----------------------------------------------

TEST(Schedules, APhaseOfOneStepIsOverAtOnce) {
  const auto optimizer = sgd();
  OneCycleLR schedule(optimizer,
                      {.max_lr = 1, .total_steps = 3, .pct_start = 1.0 / 3});
  EXPECT_EQ(lr_of(*optimizer), 1) << "the way up is one step";
  schedule.step();
  EXPECT_GT(lr_of(*optimizer), 0.1);
  EXPECT_LT(lr_of(*optimizer), 1);
  schedule.step();
  EXPECT_NEAR(lr_of(*optimizer), 1 / 25.0 / 1e4, 1e-12);
}

TEST(Schedules, ASequenceBeginsCompositesInTheMiddleOfARun) {
  const auto optimizer = sgd(1);
  const auto inner = std::make_shared<SequentialLR>(
      optimizer, SequentialLROptions{
                     .schedulers = {ExponentialLR(optimizer, {.gamma = 0.5}),
                                    ConstantLR(optimizer, {.factor = 0.125,
                                                           .total_iters = 9})},
                     .milestones = {2}});
  const auto chained = std::make_shared<ChainedScheduler>(
      optimizer,
      ChainedSchedulerOptions{
          .schedulers = {
              ExponentialLR(optimizer, {.gamma = 0.5}),
              ConstantLR(optimizer, {.factor = 0.5, .total_iters = 9})}});
  SequentialLR outer(
      optimizer,
      {.schedulers = {ConstantLR(optimizer, {.factor = 0.75, .total_iters = 9}),
                      inner, chained},
       .milestones = {2, 5}});
  std::vector<double> rates{lr_of(*optimizer)};
  for (int k = 0; k < 6; ++k) {
    outer.step();
    rates.push_back(lr_of(*optimizer));
  }
  EXPECT_EQ(rates, (std::vector{0.75, 0.75, 1.0, 0.5, 0.125, 0.5, 0.25}));
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
