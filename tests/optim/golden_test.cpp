#include "optim/golden.h"

#include <gtest/gtest.h>

#include <ostream>

// Fifty steps of each optimizer give what Python's give, and state goes to and
// fro.

namespace bolt {
namespace {

using optim::Optimizer;
using testing::distance;
using testing::flat;
using testing::golden;
using testing::golden_parameters;
using testing::golden_step;
using testing::MakeOptimizer;
using testing::numbers;
using testing::Parameters;
using testing::state_from;

struct Case {
  std::string name{};
  MakeOptimizer make{};
  /// Runs another code path than Python's options say.
  bool unfused = false;
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << c.name;
}

template <class T, class O>
MakeOptimizer with(O options) {
  return [options](const Parameters& p) {
    return std::make_shared<T>(p, options);
  };
}

template <class T, class O>
void add(std::vector<Case>& cases, const std::string& name, O options,
         bool both = false) {
  std::vector<std::string> names{name};
  if (both) names.push_back(name + "_float");
  for (const std::string& n : names) {
    cases.push_back({.name = n, .make = with<T>(options)});
    if constexpr (requires { options.fused; }) {
      O slow = options;
      slow.fused = false;
      cases.push_back({.name = n, .make = with<T>(slow), .unfused = true});
    }
  }
}

std::vector<Case> all_cases() {
  using namespace optim;
  std::vector<Case> c;
  add<AdamW>(c, "adamw", AdamWOptions{}, true);
  add<AdamW>(c, "adamw_amsgrad",
             AdamWOptions{.lr = 0.01,
                          .betas = {0.8, 0.95},
                          .eps = 1e-6,
                          .weight_decay = 0.1,
                          .amsgrad = true});
  add<AdamW>(c, "adamw_maximize", AdamWOptions{.lr = 0.01, .maximize = true});
  c.push_back({.name = "adamw_groups", .make = [](const Parameters& p) {
                 return std::make_shared<AdamW>(
                     std::vector<ParamGroup>{
                         {.parameters = {p[0], p[1]}, .weight_decay = 0},
                         {.parameters = {p[2]}, .lr = 0.01}},
                     AdamWOptions{.lr = 0.02, .weight_decay = 0.1});
               }});
  add<SGD>(c, "sgd", SGDOptions{}, true);
  add<SGD>(
      c, "sgd_momentum",
      SGDOptions{
          .lr = 0.05, .momentum = 0.9, .dampening = 0.3, .weight_decay = 0.01},
      true);
  add<SGD>(
      c, "sgd_nesterov",
      SGDOptions{
          .lr = 0.05, .momentum = 0.9, .weight_decay = 0.01, .nesterov = true});
  add<SGD>(c, "sgd_maximize",
           SGDOptions{.lr = 0.01, .momentum = 0.5, .maximize = true});
  add<Adam>(c, "adam", AdamOptions{}, true);
  add<Adam>(c, "adam_decay",
            AdamOptions{.lr = 0.01, .weight_decay = 0.1, .amsgrad = true});
  add<Adam>(c, "adam_decoupled",
            AdamOptions{.lr = 0.01,
                        .weight_decay = 0.1,
                        .maximize = true,
                        .decoupled_weight_decay = true});
  add<Adagrad>(c, "adagrad", AdagradOptions{}, true);
  add<Adagrad>(c, "adagrad_all",
               AdagradOptions{.lr = 0.1,
                              .lr_decay = 0.05,
                              .weight_decay = 0.1,
                              .initial_accumulator_value = 0.2,
                              .eps = 1e-6,
                              .maximize = true});
  add<NAdam>(c, "nadam", NAdamOptions{}, true);
  add<NAdam>(c, "nadam_decay",
             NAdamOptions{.lr = 0.01,
                          .betas = {0.8, 0.95},
                          .weight_decay = 0.1,
                          .momentum_decay = 0.01,
                          .maximize = true});
  add<NAdam>(
      c, "nadam_decoupled",
      NAdamOptions{
          .lr = 0.01, .weight_decay = 0.1, .decoupled_weight_decay = true});
  add<RAdam>(c, "radam", RAdamOptions{}, true);
  add<RAdam>(c, "radam_decay",
             RAdamOptions{.lr = 0.01,
                          .betas = {0.8, 0.95},
                          .weight_decay = 0.1,
                          .maximize = true});
  add<RAdam>(
      c, "radam_decoupled",
      RAdamOptions{
          .lr = 0.01, .weight_decay = 0.1, .decoupled_weight_decay = true});
  add<RMSprop>(c, "rmsprop", RMSpropOptions{}, true);
  add<RMSprop>(
      c, "rmsprop_momentum",
      RMSpropOptions{
          .lr = 0.005, .alpha = 0.9, .weight_decay = 0.1, .momentum = 0.8});
  add<RMSprop>(
      c, "rmsprop_centered",
      RMSpropOptions{
          .lr = 0.005, .momentum = 0.5, .centered = true, .maximize = true});
  add<Adafactor>(c, "adafactor", AdafactorOptions{}, true);
  add<Adafactor>(c, "adafactor_all",
                 AdafactorOptions{.lr = 0.1,
                                  .beta2_decay = -0.6,
                                  .eps = {1e-5, 1e-2},
                                  .d = 1.5,
                                  .weight_decay = 0.1,
                                  .maximize = true});
  add<Lion>(c, "lion", LionOptions{}, true);
  add<Lion>(c, "lion_decay",
            LionOptions{.lr = 0.01,
                        .betas = {0.8, 0.95},
                        .weight_decay = 0.1,
                        .maximize = true});
  add<LBFGS>(c, "lbfgs",
             LBFGSOptions{.lr = 0.1, .max_iter = 3, .history_size = 5});
  add<LBFGS>(
      c, "lbfgs_wolfe",
      LBFGSOptions{
          .max_iter = 2, .history_size = 3, .line_search_fn = "strong_wolfe"});
  add<LBFGS>(c, "lbfgs_wolfe_long",
             LBFGSOptions{.lr = 0.8,
                          .max_iter = 8,
                          .max_eval = 6,
                          .line_search_fn = "strong_wolfe"});
  return c;
}

torch::ScalarType type_of(const Case& c) {
  return c.name.ends_with("_float") ? torch::kFloat : torch::kDouble;
}

double tolerance_of(const Case& c) {
  // Thousands of evaluations blow up what JSON rounds off.
  if (c.name.starts_with("lbfgs")) return 1e-6;
  return type_of(c) == torch::kFloat ? 1e-6 : 1e-9;
}

class Golden : public ::testing::TestWithParam<Case> {};

// The same tree: keys in order, kinds and values, tensors within a tolerance.
// JSON has no tuples, and doubles without a fraction are integers there.
void expect_same(const State& ours, const State& pythons, double tolerance,
                 const std::string& path) {
  SCOPED_TRACE(path);
  if (path.ends_with("{\"al\": 0}")) {
    // LBFGS's scratch: only its length counts.
    EXPECT_EQ(ours.size(), pythons.size());
  } else if (pythons.is_tensor() && pythons.as_tensor().dim() == 0 &&
             ours.is_double()) {
    // LBFGS's step size, a tensor there at times.
    EXPECT_NEAR(ours.as_double(), pythons.as_tensor().item<double>(),
                tolerance);
  } else if (pythons.is_tensor()) {
    ASSERT_TRUE(ours.is_tensor());
    const torch::Tensor& a = ours.as_tensor();
    const torch::Tensor& b = pythons.as_tensor();
    EXPECT_EQ(a.scalar_type(), b.scalar_type());
    ASSERT_EQ(a.sizes(), b.sizes());
    EXPECT_LT(distance(a, b), tolerance);
  } else if (pythons.is_map()) {
    ASSERT_EQ(ours.size(), pythons.size()) << ours.to_string();
    for (const auto& [key, value] : pythons.entries()) {
      const State* own = ours.find(key);
      const std::string name = State::map({{key, 0}}).to_string();
      ASSERT_NE(own, nullptr) << name;
      expect_same(*own, value, tolerance, path + name);
    }
  } else if (pythons.is_list()) {
    ASSERT_EQ(ours.size(), pythons.size());
    for (std::size_t i = 0; i < ours.size(); ++i) {
      expect_same(ours.items()[i], pythons.items()[i], tolerance,
                  path + "[" + std::to_string(i) + "]");
    }
  } else if (pythons.is_double() || pythons.is_int()) {
    EXPECT_NEAR(ours.as_double(), pythons.as_double(),
                tolerance * std::max(1.0, std::abs(pythons.as_double())));
  } else {
    EXPECT_EQ(ours, pythons);
  }
}

TEST_P(Golden, GivesPythonsParameters) {
  const Case& c = GetParam();
  const Parameters p = golden_parameters(type_of(c));
  const auto optimizer = c.make(p);
  const auto& kept = golden().at(c.name).at("parameters");
  for (int64_t step = 1; step <= 50; ++step) {
    golden_step(*optimizer, p, step);
    const auto at = kept.find(std::to_string(step));
    if (at == kept.end()) continue;
    EXPECT_LT(distance(flat(p), numbers(*at, type_of(c))), tolerance_of(c))
        << "step " << step;
  }
}

TEST_P(Golden, GivesPythonsState) {
  const Case& c = GetParam();
  const Parameters p = golden_parameters(type_of(c));
  const auto optimizer = c.make(p);
  for (int64_t step = 1; step <= 25; ++step) golden_step(*optimizer, p, step);
  State expected = state_from(golden().at(c.name).at("state_dict"));
  if (c.unfused) expected["param_groups"].items()[0]["fused"] = false;
  expect_same(optimizer->state(), expected, tolerance_of(c), "");
}

TEST_P(Golden, GoesOnFromPythonsState) {
  const Case& c = GetParam();
  const auto& run = golden().at(c.name);
  const Parameters p = golden_parameters(type_of(c));
  const auto optimizer = c.make(p);
  {
    const torch::NoGradGuard no_grad;
    const torch::Tensor values =
        numbers(run.at("parameters").at("25"), type_of(c));
    int64_t at = 0;
    for (const torch::Tensor& one : p) {
      one.copy_(values.slice(0, at, at + one.numel()).reshape(one.sizes()));
      at += one.numel();
    }
  }
  State saved = state_from(run.at("state_dict"));
  if (c.unfused) saved["param_groups"].items()[0]["fused"] = false;
  optimizer->load_state(saved);
  for (int64_t step = 26; step <= 50; ++step) golden_step(*optimizer, p, step);
  EXPECT_LT(
      distance(flat(p), numbers(run.at("parameters").at("50"), type_of(c))),
      tolerance_of(c));
}

TEST_P(Golden, ARunInTwoPartsIsTheStraightRun) {
  const Case& c = GetParam();
  const Parameters straight = golden_parameters(type_of(c));
  const auto whole = c.make(straight);
  for (int64_t step = 1; step <= 30; ++step) {
    golden_step(*whole, straight, step);
  }
  for (const int64_t cut : {0, 5, 22}) {
    const Parameters p = golden_parameters(type_of(c));
    State saved;
    {
      const auto first = c.make(p);
      for (int64_t step = 1; step <= cut; ++step) golden_step(*first, p, step);
      saved = first->state().clone();
    }
    const auto second = c.make(p);
    second->load_state(saved);
    EXPECT_EQ(second->state(), saved) << "cut " << cut;
    for (int64_t step = cut + 1; step <= 30; ++step) {
      golden_step(*second, p, step);
    }
    EXPECT_TRUE(torch::equal(flat(p), flat(straight))) << "cut " << cut;
    EXPECT_EQ(second->state(), whole->state()) << "cut " << cut;
  }
}

INSTANTIATE_TEST_SUITE_P(Optimizers, Golden, ::testing::ValuesIn(all_cases()),
                         [](const auto& info) {
                           return info.param.name +
                                  (info.param.unfused ? "_unfused" : "");
                         });

TEST(GoldenCases, AreAllRun) {
  std::vector<std::string> names;
  for (const Case& c : all_cases()) names.push_back(c.name);
  for (const auto& [name, run] : golden().items()) {
    EXPECT_TRUE(std::ranges::find(names, name) != names.end()) << name;
  }
}

}  // namespace
}  // namespace bolt
