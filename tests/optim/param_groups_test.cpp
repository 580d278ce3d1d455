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
using testing::refused;
using torch::Tensor;

struct RMSNormImpl : torch::nn::Module {
  RMSNormImpl() { gain = register_parameter("gain", torch::ones({2, 2})); }
  Tensor forward(const Tensor& x) { return x * gain; }
  Tensor gain;
};
TORCH_MODULE(RMSNorm);

std::vector<std::size_t> counts(const std::vector<ParamGroup>& groups) {
  std::vector<std::size_t> sizes;
  for (const ParamGroup& group : groups) {
    sizes.push_back(group.parameters.size());
  }
  return sizes;
}

TEST(ParamGroups, SpareBiasesAndNormsInOneLine) {
  torch::nn::Sequential net(
      torch::nn::Linear(2, 3),
      torch::nn::LayerNorm(torch::nn::LayerNormOptions({3})),
      torch::nn::Linear(3, 1), RMSNorm());
  const AdamW adamw(
      param_groups(*net, {{.when = is_bias_or_norm, .weight_decay = 0}}),
      {.lr = 0.1, .weight_decay = 0.5});
  ASSERT_EQ(adamw.param_groups().size(), 2u);
  EXPECT_EQ(adamw.options(0).weight_decay, 0.5);
  EXPECT_EQ(adamw.options(1).weight_decay, 0);
  EXPECT_EQ(adamw.options(1).lr, 0.1);
  // Two weights; two biases, a norm's weight and bias, another's gain.
  EXPECT_EQ(adamw.param_groups()[0].params().size(), 2u);
  EXPECT_EQ(adamw.param_groups()[1].params().size(), 5u);
}

TEST(ParamGroups, HaveLearningRatesByLayer) {
  torch::nn::Sequential net(torch::nn::Linear(2, 3), torch::nn::Linear(3, 3),
                            torch::nn::Linear(3, 1));
  std::vector<ParamRule> rules = layer_wise_lr({"0", "1", "2"}, 0.5);
  rules.push_back({.when = is_bias_or_norm, .weight_decay = 0});
  const AdamW adamw(param_groups(*net, rules),
                    {.lr = 0.4, .weight_decay = 0.1});
  ASSERT_EQ(adamw.param_groups().size(), 6u);
  EXPECT_EQ(adamw.options(0).lr, 0.1);
  EXPECT_EQ(adamw.options(2).lr, 0.2);
  EXPECT_EQ(adamw.options(4).lr, 0.4);
  EXPECT_EQ(adamw.options(4).weight_decay, 0.1);
  EXPECT_EQ(adamw.options(5).weight_decay, 0);
  EXPECT_TRUE(has(refused([] { layer_wise_lr({"a"}, 0); }), {"decay"}));
}

TEST(ParamGroups, TakeTheLastRuleAndTiedWeightsOnce) {
  torch::nn::Sequential net(torch::nn::Linear(2, 2), torch::nn::Linear(2, 2));
  const torch::nn::Linear shared(2, 2);
  const torch::nn::Sequential twice(shared, shared);
  EXPECT_EQ(counts(param_groups(*twice)), std::vector<std::size_t>{2});

  const auto groups = param_groups(
      *net, {{.lr = 1, .name = "all"},
             {.under = "1", .lr = 2, .lr_scale = 0.5},
             {.under = "1.bias", .lr_scale = 0.5, .name = "bias"}});
  ASSERT_EQ(counts(groups), (std::vector<std::size_t>{2, 1, 1}));
  EXPECT_EQ(groups[1].lr, 2.0);
  EXPECT_EQ(groups[1].name, "all");
  EXPECT_EQ(groups[2].lr_scale, 0.25);
  EXPECT_EQ(groups[2].name, "bias");
}

TEST(ParamGroups, NameWhatIsNotThere) {
  torch::nn::Sequential net;
  net->push_back("backbone", torch::nn::Linear(2, 2));
  EXPECT_TRUE(
      has(refused([&] { param_groups(*net, {{.under = "backbon", .lr = 1}}); }),
          {"[param_groups]", "\"backbon\"", "\"backbone\""}));
  EXPECT_TRUE(has(refused([] { param_groups(torch::nn::SequentialImpl()); }),
                  {"no parameters"}));
}

}  // namespace
}  // namespace bolt
