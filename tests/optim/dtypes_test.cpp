#include <gtest/gtest.h>
#include <torch/torch.h>
#include <torchbolt/torchbolt.h>

#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/errors.h"

// Each optimizer trains parameters of each floating type.

namespace bolt {
namespace {

using Make = std::function<std::shared_ptr<torch::optim::Optimizer>(
    std::vector<torch::Tensor>)>;

template <class T, class O>
Make make(O options) {
  return [options](std::vector<torch::Tensor> parameters) {
    return std::make_shared<T>(std::move(parameters), options);
  };
}

const std::vector<std::pair<std::string, Make>> kOptimizers{
    {"AdamW", make<optim::AdamW>(optim::AdamWOptions{.lr = 0.05})},
    {"AdamW amsgrad",
     make<optim::AdamW>(optim::AdamWOptions{.lr = 0.05, .amsgrad = true})},
    {"Adam", make<optim::Adam>(optim::AdamOptions{.lr = 0.05})},
    {"SGD", make<optim::SGD>(optim::SGDOptions{.lr = 0.1})},
    {"SGD momentum", make<optim::SGD>(optim::SGDOptions{
                         .lr = 0.05, .momentum = 0.9, .nesterov = true})},
    {"Adagrad", make<optim::Adagrad>(optim::AdagradOptions{.lr = 0.2})},
    {"NAdam", make<optim::NAdam>(optim::NAdamOptions{.lr = 0.05})},
    {"RAdam", make<optim::RAdam>(optim::RAdamOptions{.lr = 0.1})},
    {"RMSprop", make<optim::RMSprop>(optim::RMSpropOptions{.lr = 0.02})},
    {"Adafactor", make<optim::Adafactor>(optim::AdafactorOptions{.lr = 0.1})},
    {"Lion", make<optim::Lion>(optim::LionOptions{.lr = 0.02})},
    {"LBFGS", make<optim::LBFGS>(optim::LBFGSOptions{.lr = 0.5})},
    {"LBFGS with line search", make<optim::LBFGS>(optim::LBFGSOptions{
                                   .line_search_fn = "strong_wolfe"})}};

TEST(OptimizersOfEachType, LowerTheLoss) {
  for (const auto type :
       {torch::kDouble, torch::kFloat, torch::kBFloat16, torch::kHalf}) {
    for (const auto& [name, make_one] : kOptimizers) {
      if (type == torch::kHalf && name.starts_with("LBFGS")) continue;
      SCOPED_TRACE(name + " in " + c10::toString(type));
      const auto w = torch::full({2, 3}, 0.5, type).requires_grad_();
      const auto b = torch::full({3}, -0.5, type).requires_grad_();
      const auto optimizer = make_one({w, b});
      const auto loss = [&] { return (w.sum(0) + b - 2).pow(2).mean(); };
      const double before = loss().item<double>();
      for (int k = 0; k < 20; ++k) {
        optimizer->step([&] {
          optimizer->zero_grad();
          auto value = loss();
          value.backward();
          return value;
        });
      }
      EXPECT_LT(loss().item<double>(), before * 0.9);
      EXPECT_TRUE(std::isfinite(loss().item<double>()));
      EXPECT_EQ(w.scalar_type(), type);
    }
  }
}

TEST(OptimizersOfEachType, LBFGSSaysThatFloat16WontDo) {
  const auto w = torch::ones({2}, torch::kHalf).requires_grad_();
  optim::LBFGS lbfgs({w});
  EXPECT_TRUE(testing::has(testing::message_of<ConfigError>(
                               [&] { lbfgs.step([&] { return w.sum(); }); }),
                           {"LBFGS", "float16", "bf16-true"}));
}

// Parameters that lie in order are updated by loops over memory, others by
// torch's kernels.
TEST(OptimizersOfEachType, DoTheSameHoweverAParameterLies) {
  const std::vector<std::pair<std::string, Make>> looped{
      {"NAdam", make<optim::NAdam>(optim::NAdamOptions{
                    .weight_decay = 0.1, .decoupled_weight_decay = true})},
      {"NAdam coupled", make<optim::NAdam>(optim::NAdamOptions{
                            .weight_decay = 0.1, .maximize = true})},
      {"RAdam", make<optim::RAdam>(optim::RAdamOptions{
                    .weight_decay = 0.1, .decoupled_weight_decay = true})},
      {"RAdam coupled", make<optim::RAdam>(optim::RAdamOptions{
                            .weight_decay = 0.1, .maximize = true})},
      {"RMSprop", make<optim::RMSprop>(optim::RMSpropOptions{})},
      {"RMSprop with all",
       make<optim::RMSprop>(optim::RMSpropOptions{.weight_decay = 0.1,
                                                  .momentum = 0.9,
                                                  .centered = true,
                                                  .maximize = true})},
      {"RMSprop centered",
       make<optim::RMSprop>(optim::RMSpropOptions{.centered = true})},
      {"Lion",
       make<optim::Lion>(optim::LionOptions{.lr = 1e-2, .weight_decay = 0.1})},
      {"Lion up",
       make<optim::Lion>(optim::LionOptions{.lr = 1e-2, .maximize = true})}};
  for (const auto type : {torch::kFloat, torch::kDouble}) {
    for (const auto& [name, make_one] : looped) {
      SCOPED_TRACE(name + " in " + c10::toString(type));
      torch::manual_seed(3);
      const auto start = torch::randn({70'003}, type);  // for several threads
      const auto dense = start.clone().set_requires_grad(true);
      const auto gaps = torch::zeros({start.size(0), 2}, type).select(1, 0);
      gaps.copy_(start).set_requires_grad(true);
      const auto of_dense = make_one({dense});
      const auto of_gaps = make_one({gaps});
      for (int step = 0; step < 8; ++step) {  // RAdam rectifies by then
        const auto gradient = torch::randn_like(start);
        dense.mutable_grad() = gradient.clone();
        gaps.mutable_grad() = gradient.clone();
        of_dense->step();
        of_gaps->step();
      }
      EXPECT_TRUE(torch::allclose(dense, gaps, 1e-5, 1e-6));
      EXPECT_FALSE(torch::allclose(dense, start, 1e-3, 1e-3));
    }
  }
}

// A matrix that lies row by row is updated by a loop, one that lies by columns
// by torch's kernels; vectors too have both.
TEST(OptimizersOfEachType, AdafactorDoesTheSameHoweverAParameterLies) {
  const auto twisted = [](const torch::Tensor& tensor) {
    if (tensor.dim() > 1) {
      return tensor.transpose(-1, -2).contiguous().transpose(-1, -2);
    }
    const auto gaps = torch::zeros({tensor.numel(), 2}, tensor.options());
    const auto every_other = gaps.select(1, 0);
    every_other.copy_(tensor);
    return every_other;
  };
  for (const auto type : {torch::kFloat, torch::kDouble}) {
    const double tolerance = type == torch::kDouble ? 1e-10 : 1e-5;
    for (const bool all : {false, true}) {
      const optim::AdafactorOptions options =
          all ? optim::AdafactorOptions{.lr = 0.1,
                                        .eps = {1e-4, 1e-2},
                                        .d = 1.5,
                                        .weight_decay = 0.1,
                                        .maximize = true}
              : optim::AdafactorOptions{};
      for (const std::vector<int64_t>& shape :
           std::vector<std::vector<int64_t>>{{70'003},
                                             {300, 201},
                                             {3, 5},
                                             {2, 40'000},
                                             {5, 7, 3, 2},
                                             {2, 130, 170}}) {
        SCOPED_TRACE(c10::str(shape, " in ", type, all));
        torch::manual_seed(3);
        const auto start = torch::randn(shape, type);
        const auto rows = start.clone().set_requires_grad(true);
        const auto columns = twisted(start).detach().set_requires_grad(true);
        ASSERT_FALSE(columns.is_contiguous());
        optim::Adafactor of_rows({rows}, options),
            of_columns({columns}, options);
        for (int step = 0; step < 5; ++step) {
          const auto gradient = torch::randn_like(start);
          rows.mutable_grad() = gradient.clone();
          columns.mutable_grad() = twisted(gradient);
          of_rows.step();
          of_columns.step();
        }
        EXPECT_TRUE(torch::allclose(rows, columns, tolerance, tolerance));
        EXPECT_FALSE(torch::allclose(rows, start, 1e-4, 1e-4));
      }
    }
  }
}

TEST(OptimizersOfEachType, ABackwardPassNoticesAStepInBetween) {
  const auto w = torch::ones({3}).requires_grad_();
  optim::RMSprop rmsprop({w});
  const auto loss = w.pow(2).sum();
  w.mutable_grad() = torch::ones({3});
  rmsprop.step();
  EXPECT_THROW(loss.backward(), c10::Error);
}

}  // namespace
}  // namespace bolt
