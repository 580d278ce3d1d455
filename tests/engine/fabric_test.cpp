#include <gtest/gtest.h>
#include <torch/torch.h>
#include <torchbolt/torchbolt.h>

#include "support/errors.h"

namespace bolt {
namespace {

using testing::has;
using testing::message_of;

std::string refused(const FabricOptions& options) {
  return message_of<ConfigError>([&] { Fabric fabric(options); });
}

TEST(Fabric, TakesTheCpuHoweverItIsAskedFor) {
  for (const Devices& devices :
       {Devices(), Devices(1), Devices("1"), Devices("auto"), Devices(" 1 ")}) {
    const Fabric fabric({.accelerator = Accelerator::kCPU, .devices = devices});
    EXPECT_TRUE(fabric.device().is_cpu());
    EXPECT_EQ(fabric.accelerator(), Accelerator::kCPU);
  }
  const Fabric anything;
  EXPECT_NE(anything.accelerator(), Accelerator::kAuto);
}

TEST(Fabric, NamesTheAcceleratorsThatThereAre) {
  EXPECT_TRUE(has(refused({.accelerator = Accelerator::kTPU}),
                  {"accelerator", "\"tpu\"", "cpu"}));
  if (!torch::cuda::is_available()) {
    EXPECT_TRUE(has(refused({.accelerator = Accelerator::kCUDA}),
                    {"accelerator", "\"cuda\"", "one of: auto, cpu"}));
  }
  EXPECT_TRUE(has(message_of<ConfigError>([] { parse_accelerator("cpuu"); }),
                  {"accelerator", "\"cpuu\"", "auto, cpu", "\"cpu\""}));
}

TEST(Fabric, RefusesDevicesThatDontFit) {
  const auto cpu = [](const Devices& devices) {
    return refused({.accelerator = Accelerator::kCPU, .devices = devices});
  };
  EXPECT_TRUE(has(cpu(0), {"devices", "got 0", "at least 1"}));
  EXPECT_TRUE(has(cpu(-1), {"devices", "got -1", "at least 1"}));
  EXPECT_TRUE(has(cpu(-2), {"devices", "got -2"}));
  EXPECT_TRUE(has(cpu("two"), {"devices", "\"two\"", "a number, or indices"}));
  EXPECT_TRUE(has(cpu("0, x"), {"devices", "\"0, x\"", "\"0, 2\""}));
  EXPECT_TRUE(has(cpu("0,"), {"devices", "indices", "on the CPU"}));
  EXPECT_TRUE(has(cpu(std::vector<int64_t>{0}), {"devices", "on the CPU"}));
  EXPECT_TRUE(has(cpu(std::vector<int64_t>{}), {"devices", "an empty list"}));
  EXPECT_TRUE(has(cpu(","), {"devices", "an empty list"}));
  EXPECT_TRUE(has(cpu(99999999), {"devices", "99999999"}));
}

TEST(Fabric, IsEnoughForALoopOfOnesOwn) {
  torch::manual_seed(2);
  const auto x = torch::rand({8, 1});
  torch::nn::Linear with(1, 1), by_hand(1, 1);
  {
    const torch::NoGradGuard no_grad;
    by_hand->weight.copy_(with->weight);
    by_hand->bias.copy_(with->bias);
  }
  torch::optim::SGD ours(with->parameters(), 0.1);
  torch::optim::SGD theirs(by_hand->parameters(), 0.1);
  Fabric fabric({.accelerator = Accelerator::kCPU});
  fabric.setup(*with);
  for (int k = 0; k < 3; ++k) {
    fabric.zero_grad(ours);
    fabric.backward(torch::mse_loss(with->forward(x), 3 * x));
    fabric.clip_gradients(ours, 0.5);
    fabric.step(ours);
    theirs.zero_grad();
    torch::mse_loss(by_hand->forward(x), 3 * x).backward();
    torch::nn::utils::clip_grad_norm_(by_hand->parameters(), 0.5);
    theirs.step();
  }
  EXPECT_TRUE(torch::allclose(with->weight, by_hand->weight));
  EXPECT_TRUE(torch::allclose(with->bias, by_hand->bias));
}

}  // namespace
}  // namespace bolt
