#include <gtest/gtest.h>
#include <torch/torch.h>
#include <torchbolt/core/error.h>
#include <torchbolt/optim/optim.h>

#include "optim/support.h"
#include "support/errors.h"

namespace bolt {
namespace {

using namespace optim;
using testing::has;
using testing::message_of;
using testing::parameter;
using testing::refused;
using torch::Tensor;

TEST(LBFGS, WantsAClosureThatGivesALossAndOneGroup) {
  const Tensor p = parameter({2}), q = parameter({2});
  LBFGS lbfgs({p});
  EXPECT_TRUE(has(refused([&] { lbfgs.step(); }), {"[LBFGS]", "closure"}));
  EXPECT_TRUE(has(refused([&] { lbfgs.step([] { return Tensor(); }); }),
                  {"gave no loss"}));
  EXPECT_TRUE(has(
      refused([&] { LBFGS({{.parameters = {p}}, {.parameters = {q}}}, {}); }),
      {"one group", "got 2"}));
}

TEST(LBFGS, FindsTheMinimumOfAValley) {
  const Tensor p =
      torch::tensor({-1.2, 1.0}, torch::kDouble).set_requires_grad(true);
  LBFGS lbfgs({p}, {.max_iter = 100, .line_search_fn = "strong_wolfe"});
  lbfgs.step([&] {
    lbfgs.zero_grad();
    const Tensor loss =
        100 * (p[1] - p[0].square()).square() + (1 - p[0]).square();
    loss.backward();
    return loss;
  });
  EXPECT_TRUE(torch::allclose(p, torch::ones({2}, torch::kDouble), 0, 1e-4));
  // Python takes as many.
  const State all = lbfgs.state();
  const State& state = all.at("state").at(State::Key(int64_t{0}));
  EXPECT_EQ(state.at("n_iter").as_int(), 35);
  EXPECT_EQ(state.at("func_evals").as_int(), 43);
}

TEST(LBFGS, RefusesStateOfAnotherSize) {
  const Tensor p = parameter({2}), q = parameter({3});
  LBFGS a({p}), b({q});
  a.step([&] {
    a.zero_grad();
    const Tensor loss = p.square().sum();
    loss.backward();
    return loss;
  });
  EXPECT_TRUE(has(message_of<CheckpointError>([&] { b.load_state(a.state()); }),
                  {"another size", "got 2", "expected 3"}));
}

}  // namespace
}  // namespace bolt
