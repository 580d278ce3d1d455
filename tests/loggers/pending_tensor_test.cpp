#include "loggers/pending_tensor.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <thread>

namespace bolt::detail {
namespace {

TEST(PendingTensor, HoldsWhatTheTensorHeld) {
  auto tensor = torch::ones({3}, torch::kFloat).requires_grad_();
  const PendingTensor pending(tensor * 2);
  {
    const torch::NoGradGuard no_grad;
    tensor.zero_();
  }
  EXPECT_TRUE(pending.read().equal(torch::full({3}, 2.0f)));
  EXPECT_FALSE(pending.read().requires_grad());
  EXPECT_EQ(pending.nbytes(), 12u);
  EXPECT_FALSE(PendingTensor(torch::Tensor()).read().defined());
}

TEST(PendingTensor, WhoReadsItTakesNoOtherThreads) {
  const int before = at::get_num_threads();
  at::set_num_threads(3);
  const PendingTensor pending(torch::ones({3}));
  int alone = 0, others = 0;
  std::thread([&] {
    pending.read();
    alone = at::get_num_threads();
  }).join();
  std::thread([&] { others = at::get_num_threads(); }).join();
  EXPECT_EQ(alone, 1);
  EXPECT_EQ(others, 3);
  EXPECT_EQ(at::get_num_threads(), 3);
  at::set_num_threads(before);
}

}  // namespace
}  // namespace bolt::detail
