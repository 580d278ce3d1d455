#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/resource.h>

#include "../../benchmarks/tiny_step.h"
#include "overhead/allocations.h"

namespace bolt {
namespace {

struct Cost {
  double allocations;  // a step
  int64_t page_faults;
};

int64_t page_faults() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

template <class Run>
Cost measure(int64_t steps, Run run) {
  torch::set_num_threads(1);
  tiny::Repeated source(tiny::make_batch(), steps);
  const int64_t from = steps / 4;
  int64_t before = 0, after = 0, faults = 0;
  source.on_batch = [&](int64_t at) {
    if (at == from) {
      before = testing::allocations();
      faults = page_faults();
    } else if (at == steps - 1) {
      after = testing::allocations();
      faults = page_faults() - faults;
    }
  };
  run(source);
  return {double(after - before) / double(steps - 1 - from), faults};
}

Cost by_hand(int64_t steps) {
  return measure(steps, [](auto& source) { tiny::run_by_hand(source, true); });
}

Cost trained(int64_t steps, bool logs, bool bar = false) {
  return measure(steps, [=](auto& source) {
    TrainerOptions options;
    options.logger = false;
    options.enable_progress_bar = bar;
    options.enable_model_summary = false;
    tiny::run_trainer(source, true, logs, options);
  });
}

TEST(Overhead, AStepAllocatesNoMoreThanTheLoopByHand) {
  const double hand = by_hand(400).allocations;
  ASSERT_GT(hand, 10);  // the counter counts
  EXPECT_LE(trained(400, false).allocations, hand);
  EXPECT_LE(trained(400, false, true).allocations, hand + 0.5);
}

TEST(Overhead, ALogOfAKnownNameAllocatesNothing) {
  EXPECT_LE(trained(400, true).allocations, by_hand(400).allocations);
}

// The loop by hand that clips as well.
Cost clipped_by_hand(int64_t steps) {
  return measure(steps, [](auto& source) {
    torch::manual_seed(0);
    tiny::Net net;
    auto optimizer = tiny::make_optimizer(net.parameters(), true);
    for (const auto& batch : source) {
      optimizer->zero_grad();
      torch::nn::functional::cross_entropy(net.forward(batch.data),
                                           batch.target)
          .backward();
      torch::nn::utils::clip_grad_norm_(net.parameters(), 1.0);
      optimizer->step();
    }
  });
}

struct Nowhere final : Logger {
  std::string name() const override { return ""; }
  std::string version() const override { return ""; }
  void log_metrics(const MetricMap&, int64_t) override {}
};

// A LearningRateMonitor makes its map and names on the steps that reach the
// loggers alone.
TEST(Overhead, CallbacksAndClippingAddAFixedFewOnTheStepsThatAreLogged) {
  const auto with_callbacks = [](int64_t log_every) {
    return measure(400, [=](auto& source) {
      TrainerOptions options;
      options.logger = std::make_shared<Nowhere>();
      options.enable_progress_bar = false;
      options.enable_model_summary = false;
      options.log_every_n_steps = log_every;
      options.gradient_clip_val = 1.0;
      options.callbacks = {
          EarlyStopping({.monitor = "train/loss"}),
          LearningRateMonitor({.logging_interval = Interval::kStep})};
      tiny::run_trainer(source, true, true, options);
    });
  };
  const double hand = clipped_by_hand(400).allocations;
  const double seldom = with_callbacks(1000).allocations;
  EXPECT_LE(seldom, hand);
  EXPECT_LE(with_callbacks(1).allocations, seldom + 16);
}

// Of one step, once the state is there.
template <class O>
int64_t step_allocations(int64_t count, const auto& options) {
  std::vector<at::Tensor> parameters;
  for (int64_t k = 0; k < count; ++k) {
    parameters.push_back(torch::ones({8}).requires_grad_());
    parameters.back().mutable_grad() = torch::ones({8});
  }
  O optimizer(parameters, options);
  for (int k = 0; k < 3; ++k) optimizer.step();
  const int64_t before = testing::allocations();
  optimizer.step();
  return testing::allocations() - before;
}

template <class O>
void expect_fixed(const char* name, const auto& options, int64_t most) {
  torch::set_num_threads(1);
  const int64_t few = step_allocations<O>(4, options);
  EXPECT_LE(few, most) << name;
  EXPECT_EQ(step_allocations<O>(100, options), few) << name;
}

// One kernel for all of them, or loops over memory: what torch's dispatcher
// needs, and no more. Adafactor, which sums up rows and columns first, has a
// few temporaries of their size for each parameter.
TEST(Overhead, AStepAllocatesTheSameForAnyNumberOfParameters) {
  using namespace optim;
  expect_fixed<AdamW>("AdamW", AdamWOptions{}, 5);
  expect_fixed<Adam>("Adam", AdamOptions{.amsgrad = true}, 6);
  expect_fixed<SGD>("SGD", SGDOptions{.lr = 0.1, .momentum = 0.9}, 4);
  expect_fixed<Adagrad>("Adagrad", AdagradOptions{}, 5);
  expect_fixed<RMSprop>("RMSprop", RMSpropOptions{.momentum = 0.9}, 0);
  expect_fixed<Lion>("Lion", LionOptions{}, 0);
  expect_fixed<NAdam>("NAdam", NAdamOptions{}, 0);
  expect_fixed<RAdam>("RAdam", RAdamOptions{}, 0);
}

// Memory that grew, or came and went, would fault in new pages.
TEST(Soak, MemoryStaysFlat) {
  constexpr int64_t kSteps = 100'000;
  trained(1000, true);
  const Cost cost = trained(kSteps, true);
  EXPECT_LE(cost.page_faults, 200);
}

}  // namespace
}  // namespace bolt
