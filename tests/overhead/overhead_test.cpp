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

// Memory that grew, or came and went, would fault in new pages.
TEST(Soak, MemoryStaysFlat) {
  constexpr int64_t kSteps = 100'000;
  trained(1000, true);
  const Cost cost = trained(kSteps, true);
  EXPECT_LE(cost.page_faults, 200);
}

}  // namespace
}  // namespace bolt
