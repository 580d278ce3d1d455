#include <gtest/gtest.h>

#include "optim/rates.h"

namespace bolt {
namespace {

using namespace optim;
using testing::has;
using testing::parameter;
using testing::refused;
using testing::sgd;
using testing::torchs;

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
