#include <gtest/gtest.h>
#include <torchbolt/optim/optim.h>

#include <cmath>

#include "optim/support.h"

// What schedules refuse, and what Python's have no test for;
// schedules_golden_test.cpp holds their values.

namespace bolt {
namespace {

using namespace optim;
using testing::has;
using testing::message_of;
using testing::parameter;
using testing::refused;

std::shared_ptr<optim::SGD> sgd(double lr = 0.1, int groups = 1) {
  std::vector<ParamGroup> all;
  for (int k = 0; k < groups; ++k)
    all.push_back({.parameters = {parameter({2})}});
  return std::make_shared<optim::SGD>(
      all, optim::SGDOptions{.lr = lr, .momentum = 0.9});
}

std::shared_ptr<torch::optim::SGD> torchs(double lr = 0.1) {
  return std::make_shared<torch::optim::SGD>(
      std::vector{parameter({2})}, torch::optim::SGDOptions(lr).momentum(0.9));
}

double lr_of(torch::optim::Optimizer& optimizer, std::size_t group = 0) {
  return optimizer.param_groups()[group].options().get_lr();
}

// -- options that are refused ------------------------------------------------

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

// -- warm-up -----------------------------------------------------------------

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

// -- the handle --------------------------------------------------------------

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

// -- momentum of any optimizer -----------------------------------------------

TEST(Momentum, OfOursAndTorchs) {
  const auto ours = sgd();
  const auto other = torchs();
  optim::Adam adam({parameter({2})}, {.betas = {0.8, 0.9}});
  torch::optim::AdamW adamw({parameter({2})});
  torch::optim::Adagrad adagrad({parameter({2})});
  EXPECT_EQ(momentum(*ours), 0.9);
  EXPECT_EQ(momentum(*other), 0.9);
  EXPECT_EQ(momentum(adam), 0.8);
  EXPECT_EQ(momentum(adamw), 0.9);
  EXPECT_EQ(momentum(adagrad), std::nullopt);
  EXPECT_EQ(momentum_kind(*ours), MomentumKind::kMomentum);
  EXPECT_EQ(momentum_kind(adam), MomentumKind::kBeta1);
  EXPECT_EQ(momentum_kind(adagrad), MomentumKind::kNone);
  set_momentum(adam, 0, 0.5);
  EXPECT_EQ(adam.options().betas.first, 0.5);
  EXPECT_TRUE(
      has(refused([&] { set_momentum(adagrad, 0, 0.5); }), {"no momentum"}));
}

}  // namespace
}  // namespace bolt
