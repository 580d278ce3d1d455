#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

#include "optim/rates.h"

// What schedules refuse.

namespace bolt {
namespace {

using namespace optim;
using testing::has;
using testing::lr_of;
using testing::parameter;
using testing::refused;
using testing::sgd;
using testing::torchs;

template <class S, class O>
std::string refused_with(O options) {
  const auto optimizer = sgd();
  const std::string message = refused([&] { S(optimizer, options); });
  EXPECT_EQ(lr_of(*optimizer), 0.1) << message;
  return message;
}

TEST(ScheduleErrors, NameTheClassTheFieldAndTheValue) {
  EXPECT_TRUE(has(refused_with<StepLR>(StepLROptions{}),
                  {"StepLR", "step_size", "got 0", "at least 1"}));
  EXPECT_TRUE(has(refused_with<StepLR>(StepLROptions{.step_size = -2}),
                  {"step_size", "-2"}));
  EXPECT_TRUE(
      has(refused_with<MultiStepLR>(MultiStepLROptions{.milestones = {5, 3}}),
          {"MultiStepLR", "milestones", "5, 3"}));
  EXPECT_TRUE(
      has(refused_with<MultiStepLR>(MultiStepLROptions{.milestones = {-1}}),
          {"MultiStepLR", "-1"}));
  EXPECT_TRUE(has(refused_with<ConstantLR>(ConstantLROptions{.factor = 1.5}),
                  {"ConstantLR", "factor", "1.5", "at most 1"}));
  EXPECT_TRUE(has(refused_with<ConstantLR>(ConstantLROptions{.factor = 0}),
                  {"ConstantLR", "factor"}));
  EXPECT_TRUE(has(refused_with<ConstantLR>(ConstantLROptions{.total_iters = 0}),
                  {"ConstantLR", "total_iters"}));
  EXPECT_TRUE(has(refused_with<LinearLR>(LinearLROptions{.start_factor = 0}),
                  {"LinearLR", "start_factor"}));
  EXPECT_TRUE(has(refused_with<LinearLR>(LinearLROptions{.end_factor = -0.5}),
                  {"LinearLR", "end_factor", "-0.5"}));
  EXPECT_TRUE(has(refused_with<LinearLR>(LinearLROptions{.total_iters = 0}),
                  {"LinearLR", "total_iters"}));
  EXPECT_TRUE(has(refused_with<ExponentialLR>(ExponentialLROptions{}),
                  {"ExponentialLR", "gamma is not set"}));
  EXPECT_TRUE(
      has(refused_with<PolynomialLR>(PolynomialLROptions{.total_iters = 0}),
          {"PolynomialLR", "total_iters"}));
  EXPECT_TRUE(has(refused_with<CosineAnnealingLR>(CosineAnnealingLROptions{}),
                  {"CosineAnnealingLR", "t_max"}));
  EXPECT_TRUE(has(refused_with<CosineAnnealingWarmRestarts>(
                      CosineAnnealingWarmRestartsOptions{}),
                  {"CosineAnnealingWarmRestarts", "t_0"}));
  EXPECT_TRUE(
      has(refused_with<CosineAnnealingWarmRestarts>(
              CosineAnnealingWarmRestartsOptions{.t_0 = 2, .t_mult = 0}),
          {"CosineAnnealingWarmRestarts", "t_mult"}));
}

TEST(ScheduleErrors, FunctionsMustBeThereForEachGroup) {
  EXPECT_TRUE(has(refused_with<LambdaLR>(LambdaLROptions{}),
                  {"LambdaLR", "lr_lambda is not set"}));
  EXPECT_TRUE(has(refused_with<LambdaLR>(LambdaLROptions{
                      .lr_lambda = std::function<double(int64_t)>()}),
                  {"LambdaLR", "lr_lambda"}));
  const auto one = [](int64_t) { return 1.0; };
  EXPECT_TRUE(has(refused_with<MultiplicativeLR>(
                      MultiplicativeLROptions{.lr_lambda = {one, one}}),
                  {"MultiplicativeLR", "2 functions, 1 groups"}));
}

TEST(ScheduleErrors, OfCycles) {
  using O = OneCycleLROptions;
  EXPECT_TRUE(has(refused_with<OneCycleLR>(O{.total_steps = 10}),
                  {"OneCycleLR", "max_lr is not set"}));
  EXPECT_TRUE(has(refused_with<OneCycleLR>(O{.max_lr = 1}),
                  {"OneCycleLR", "total_steps is not set"}));
  EXPECT_TRUE(has(refused_with<OneCycleLR>(O{.max_lr = 1, .epochs = 3}),
                  {"total_steps is not set", "steps_per_epoch"}));
  EXPECT_TRUE(has(refused_with<OneCycleLR>(O{.max_lr = 1, .total_steps = 0}),
                  {"total_steps", "got 0"}));
  EXPECT_TRUE(has(refused_with<OneCycleLR>(
                      O{.max_lr = 1, .total_steps = 10, .pct_start = 1.5}),
                  {"pct_start", "1.5"}));
  EXPECT_TRUE(has(refused_with<OneCycleLR>(
                      O{.max_lr = 1, .total_steps = 10, .div_factor = 0}),
                  {"div_factor"}));
  EXPECT_TRUE(has(refused_with<OneCycleLR>(O{
                      .max_lr = 1, .total_steps = 10, .final_div_factor = -1}),
                  {"final_div_factor"}));
  EXPECT_TRUE(
      has(refused_with<OneCycleLR>(O{.max_lr = {1, 2}, .total_steps = 10}),
          {"max_lr must have one value for each parameter group", "2 values"}));

  using C = CyclicLROptions;
  EXPECT_TRUE(has(refused_with<CyclicLR>(C{.max_lr = 1}),
                  {"CyclicLR", "base_lr is not set"}));
  EXPECT_TRUE(has(refused_with<CyclicLR>(C{.base_lr = 1}),
                  {"CyclicLR", "max_lr is not set"}));
  EXPECT_TRUE(has(
      refused_with<CyclicLR>(C{.base_lr = 1, .max_lr = 2, .step_size_up = 0}),
      {"step_size_up"}));
  EXPECT_TRUE(has(
      refused_with<CyclicLR>(C{.base_lr = 1, .max_lr = 2, .step_size_down = 0}),
      {"step_size_down"}));
}

TEST(ScheduleErrors, CyclingAMomentumThatIsNotThere) {
  optim::Adagrad adagrad({parameter({2})}, {.lr = 0.1});
  EXPECT_TRUE(has(
      refused([&] { OneCycleLR(adagrad, {.max_lr = 1, .total_steps = 10}); }),
      {"OneCycleLR", "no momentum", "Adagrad", ".cycle_momentum = false"}));
  EXPECT_TRUE(
      has(refused([&] { CyclicLR(adagrad, {.base_lr = 0.01, .max_lr = 1}); }),
          {"CyclicLR", "no momentum"}));
  CyclicLR fine(adagrad,
                {.base_lr = 0.01, .max_lr = 1, .cycle_momentum = false});
}

TEST(ScheduleErrors, OfAPlateau) {
  using O = ReduceLROnPlateauOptions;
  EXPECT_TRUE(has(refused_with<ReduceLROnPlateau>(O{.factor = 1}),
                  {"ReduceLROnPlateau", "factor", "below 1"}));
  EXPECT_TRUE(
      has(refused_with<ReduceLROnPlateau>(O{.patience = -1}), {"patience"}));
  EXPECT_TRUE(
      has(refused_with<ReduceLROnPlateau>(O{.cooldown = -1}), {"cooldown"}));
  EXPECT_TRUE(has(refused_with<ReduceLROnPlateau>(O{.min_lr = {0.1, 0.2}}),
                  {"min_lr must have one value for each parameter group"}));
}

TEST(ScheduleErrors, OfWeightAveraging) {
  EXPECT_TRUE(
      has(refused_with<SWALR>(SWALROptions{}), {"SWALR", "swa_lr is not set"}));
  EXPECT_TRUE(
      has(refused_with<SWALR>(SWALROptions{.swa_lr = 1, .anneal_epochs = -1}),
          {"SWALR", "anneal_epochs"}));
}

TEST(ScheduleErrors, OfWarmUps) {
  using O = WarmupLROptions;
  EXPECT_TRUE(has(refused_with<WarmupLR>(O{.warmup_steps = -1}),
                  {"WarmupLR", "warmup_steps", "-1"}));
  EXPECT_TRUE(has(refused_with<WarmupLR>(O{.warmup_ratio = 1.5}),
                  {"warmup_ratio", "1.5", "0 to 1"}));
  EXPECT_TRUE(
      has(refused_with<WarmupLR>(O{.warmup_steps = 5, .warmup_ratio = 0.1}),
          {"warmup_steps and warmup_ratio say the same"}));
  EXPECT_TRUE(
      has(refused_with<WarmupLR>(O{.decay_steps = 5, .decay_ratio = 0.1}),
          {"decay_steps and decay_ratio say the same"}));
  EXPECT_TRUE(
      has(refused_with<WarmupLR>(O{.decay_steps = -5}), {"decay_steps", "-5"}));
  EXPECT_TRUE(
      has(refused_with<WarmupLR>(O{.start_factor = -1}), {"start_factor"}));
  EXPECT_TRUE(has(refused_with<WarmupLR>(O{.end_factor = 2}), {"end_factor"}));
  EXPECT_TRUE(
      has(refused_with<WarmupLR>(O{.total_steps = 0}), {"total_steps"}));
  EXPECT_TRUE(has(refused_with<WarmupLR>(O{
                      .warmup_steps = 8, .total_steps = 10, .decay_steps = 4}),
                  {"total_steps", "10", "take 8 and 4 steps"}));
  EXPECT_TRUE(
      has(refused_with<WarmupLR>(O{.warmup_steps = 12, .total_steps = 10}),
          {"total_steps", "10", "at least 12"}));
  EXPECT_TRUE(
      has(refused_with<WarmupLR>(O{.warmup_ratio = 0.8, .decay_ratio = 0.8}),
          {"decay_ratio", "0.8"}));
}

// A rate of NaN would end the training without a word.
TEST(ScheduleErrors, NumbersAreFinite) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInf = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(
      has(refused_with<StepLR>(StepLROptions{.step_size = 1, .gamma = kNaN}),
          {"StepLR", "gamma", "nan", "finite"}));
  EXPECT_TRUE(has(refused_with<MultiStepLR>(MultiStepLROptions{.gamma = kInf}),
                  {"MultiStepLR", "gamma", "inf"}));
  EXPECT_TRUE(
      has(refused_with<ExponentialLR>(ExponentialLROptions{.gamma = kNaN}),
          {"ExponentialLR", "gamma"}));
  EXPECT_TRUE(
      has(refused_with<PolynomialLR>(PolynomialLROptions{.power = kNaN}),
          {"PolynomialLR", "power"}));
  EXPECT_TRUE(has(refused_with<CosineAnnealingLR>(
                      CosineAnnealingLROptions{.t_max = 1, .eta_min = kNaN}),
                  {"CosineAnnealingLR", "eta_min"}));
  EXPECT_TRUE(
      has(refused_with<CosineAnnealingWarmRestarts>(
              CosineAnnealingWarmRestartsOptions{.t_0 = 1, .eta_min = kInf}),
          {"CosineAnnealingWarmRestarts", "eta_min"}));
  EXPECT_TRUE(has(refused_with<CyclicLR>(CyclicLROptions{
                      .base_lr = 0.1, .max_lr = 1, .gamma = kNaN}),
                  {"CyclicLR", "gamma"}));
  EXPECT_TRUE(has(
      refused_with<CyclicLR>(CyclicLROptions{.base_lr = 0.1, .max_lr = kInf}),
      {"CyclicLR", "max_lr", "finite"}));
  EXPECT_TRUE(has(refused_with<OneCycleLR>(
                      OneCycleLROptions{.max_lr = kNaN, .total_steps = 3}),
                  {"OneCycleLR", "max_lr", "nan"}));
  EXPECT_TRUE(has(refused_with<OneCycleLR>(OneCycleLROptions{
                      .max_lr = 1, .total_steps = 3, .pct_start = kNaN}),
                  {"pct_start", "nan"}));
  EXPECT_TRUE(has(refused_with<ReduceLROnPlateau>(
                      ReduceLROnPlateauOptions{.threshold = kNaN}),
                  {"ReduceLROnPlateau", "threshold"}));
  EXPECT_TRUE(has(
      refused_with<ReduceLROnPlateau>(ReduceLROnPlateauOptions{.eps = kInf}),
      {"eps"}));
  EXPECT_TRUE(has(
      refused_with<ReduceLROnPlateau>(ReduceLROnPlateauOptions{.min_lr = kNaN}),
      {"min_lr"}));
  EXPECT_TRUE(has(refused_with<SWALR>(SWALROptions{.swa_lr = kInf}),
                  {"SWALR", "swa_lr"}));
  EXPECT_TRUE(has(refused_with<WarmupLR>(WarmupLROptions{.warmup_ratio = kNaN}),
                  {"WarmupLR", "warmup_ratio"}));
  EXPECT_TRUE(has(refused_with<LinearLR>(LinearLROptions{.end_factor = kNaN}),
                  {"LinearLR", "end_factor"}));
  // As in Python, the end of a cycle may be no rate at all.
  const auto optimizer = sgd();
  OneCycleLR cycle(optimizer, {.max_lr = 1,
                               .total_steps = 2,
                               .pct_start = 0.5,
                               .final_div_factor = kInf});
  cycle.step();
  EXPECT_EQ(lr_of(*optimizer), 0);
}

TEST(ScheduleErrors, CountsThatAreTooLarge) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  EXPECT_TRUE(has(refused_with<OneCycleLR>(OneCycleLROptions{
                      .max_lr = 1, .epochs = kMost / 2, .steps_per_epoch = 3}),
                  {"OneCycleLR", "epochs", "steps_per_epoch = 3"}));
  EXPECT_TRUE(has(
      refused_with<StepLR>(StepLROptions{.step_size = 1, .last_epoch = kMost}),
      {"last_epoch"}));
  EXPECT_TRUE(
      has(refused_with<StepLR>(StepLROptions{.step_size = 1, .last_epoch = -2}),
          {"last_epoch", "-2"}));
  // Cycles so long that they don't end are none.
  const auto one = sgd();
  CosineAnnealingLR cosine(one, {.t_max = kMost});
  for (int k = 0; k < 3; ++k) cosine.step();
  EXPECT_DOUBLE_EQ(lr_of(*one), 0.1);
  const auto two = sgd();
  CosineAnnealingWarmRestarts restarts(two, {.t_0 = 1, .t_mult = kMost});
  for (int k = 0; k < 3; ++k) restarts.step();
  EXPECT_DOUBLE_EQ(lr_of(*two), 0.1);
  restarts.step(8e15);
  EXPECT_NEAR(lr_of(*two), 0.1, 1e-6);
  const auto three = sgd();
  WarmupLR warmup(three, {.warmup_ratio = 1, .total_steps = kMost});
  for (int k = 0; k < 3; ++k) warmup.step();
  EXPECT_NEAR(lr_of(*three), 0, 1e-12);
}

TEST(ScheduleErrors, OfComposites) {
  const auto one = sgd(), other = sgd();
  EXPECT_TRUE(has(refused([&] { SequentialLR(one, {}); }),
                  {"SequentialLR", "no schedules"}));
  EXPECT_TRUE(has(refused([&] { ChainedScheduler(one, {}); }),
                  {"ChainedScheduler", "no schedules"}));
  EXPECT_TRUE(has(refused([&] {
                    ChainedScheduler(
                        one, {.schedulers = {ConstantLR(one),
                                             StepLR(other, {.step_size = 1})}});
                  }),
                  {"schedule 1 (StepLR) belongs to another optimizer"}));
  EXPECT_TRUE(has(refused([&] {
                    ChainedScheduler(
                        one, {.schedulers = {std::shared_ptr<StepLR>()}});
                  }),
                  {"null pointer"}));
  EXPECT_TRUE(has(refused([&] {
                    SequentialLR(one, {.schedulers = {ConstantLR(one)},
                                       .milestones = {3}});
                  }),
                  {"SequentialLR", "1 milestones for 1 schedules"}));
  EXPECT_TRUE(has(refused([&] {
                    SequentialLR(
                        one, {.schedulers = {ConstantLR(one), ConstantLR(one),
                                             ConstantLR(one)},
                              .milestones = {5, 3}});
                  }),
                  {"milestones", "5, 3"}));
  EXPECT_TRUE(has(
      refused([&] { SequentialLR(one, {.schedulers = {WarmupLR(one, {})}}); }),
      {"WarmupLR", "total_steps"}));
}

TEST(ScheduleErrors, NoOptimizer) {
  EXPECT_TRUE(has(
      refused([] { StepLR(std::shared_ptr<optim::SGD>(), {.step_size = 1}); }),
      {"no optimizer", "null pointer"}));
}

TEST(ScheduleErrors, GoingOnWithoutTheFirstRates) {
  const auto optimizer = torchs();
  EXPECT_TRUE(has(
      refused([&] { StepLR(optimizer, {.step_size = 1, .last_epoch = 3}); }),
      {"last_epoch", "group 0", "load the schedule's state"}));
}

TEST(ScheduleErrors, MoreStepsThanTheCycleIsLong) {
  const auto optimizer = sgd();
  OneCycleLR schedule(optimizer, {.max_lr = 1, .total_steps = 3});
  for (int k = 0; k < 3; ++k) schedule.step();
  EXPECT_TRUE(has(refused([&] { schedule.step(); }),
                  {"OneCycleLR", "4 steps", "total_steps = 3"}));
}

}  // namespace
}  // namespace bolt
