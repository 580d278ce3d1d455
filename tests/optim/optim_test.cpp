#include <gtest/gtest.h>
#include <torch/torch.h>
#include <torchbolt/core/error.h>
#include <torchbolt/optim/optim.h>

#include <limits>

#include "optim/support.h"
#include "support/errors.h"
#include "support/state_diff.h"

namespace bolt {
namespace {

using namespace optim;
using testing::has;
using testing::message_of;
using testing::parameter;
using testing::refused;
using torch::Tensor;

void give_gradient(const Tensor& p, uint64_t seed) {
  p.mutable_grad() = parameter(p.sizes(), seed).detach().to(p.options());
}

// -- what is refused ---------------------------------------------------------

TEST(Optimizers, RefuseParametersThatTheyCannotTrain) {
  const Tensor p = parameter({2});
  EXPECT_TRUE(has(refused([] { AdamW(std::vector<Tensor>{}); }),
                  {"[AdamW]", "group 0 has no parameters"}));
  EXPECT_TRUE(has(refused([] { SGD(std::vector<ParamGroup>{}); }),
                  {"[SGD]", "no groups"}));
  EXPECT_TRUE(
      has(refused([&] { Adam({{.parameters = {p}}, {.parameters = {}}}, {}); }),
          {"group 1 has no parameters"}));
  EXPECT_TRUE(has(refused([&] { AdamW({p, Tensor()}); }),
                  {"parameter 1 of group 0 is undefined"}));
  EXPECT_TRUE(has(refused([&] { AdamW({p * 2}); }),
                  {"parameter 0 of group 0", "computed from others", "leaf"}));
  EXPECT_TRUE(has(refused([&] { AdamW({p, p}); }),
                  {"parameter 1 of group 0 was given before", "tied"}));
  EXPECT_TRUE(has(
      refused([&] { AdamW({{.parameters = {p}}, {.parameters = {p}}}, {}); }),
      {"parameter 0 of group 1 was given before"}));
}

TEST(Optimizers, RefuseOptionsOutOfRange) {
  const std::vector<Tensor> p{parameter({2})};
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(has(refused([&] { AdamW(p, {.lr = -1}); }),
                  {"[AdamW] lr is out of range", "got -1", "at least 0"}));
  EXPECT_TRUE(has(refused([&] { AdamW(p, {.lr = nan}); }), {"lr"}));
  EXPECT_TRUE(has(refused([&] {
                    RMSprop(p,
                            {.eps = std::numeric_limits<double>::infinity()});
                  }),
                  {"[RMSprop]", "eps", "got inf"}));
  EXPECT_TRUE(has(refused([&] { AdamW(p, {.betas = {1, 0.9}}); }),
                  {"betas.first", "got 1", "below 1"}));
  EXPECT_TRUE(has(refused([&] { Adam(p, {.betas = {0.9, -1}}); }),
                  {"[Adam]", "betas.second"}));
  EXPECT_TRUE(has(refused([&] { Adam(p, {.eps = -1}); }), {"eps"}));
  EXPECT_TRUE(has(refused([&] { SGD(p, {.momentum = -1}); }), {"momentum"}));
  EXPECT_TRUE(has(refused([&] { SGD(p, {.nesterov = true}); }),
                  {"momentum", "with nesterov"}));
  EXPECT_TRUE(has(refused([&] {
                    SGD(p, {.momentum = 0.9, .dampening = 1, .nesterov = true});
                  }),
                  {"dampening", "0 with nesterov"}));
  EXPECT_TRUE(has(refused([&] { Adagrad(p, {.lr_decay = -1}); }),
                  {"[Adagrad] lr_decay"}));
  EXPECT_TRUE(has(refused([&] { NAdam(p, {.momentum_decay = -1}); }),
                  {"[NAdam] momentum_decay"}));
  EXPECT_TRUE(has(refused([&] { RAdam(p, {.weight_decay = -1}); }),
                  {"[RAdam] weight_decay"}));
  EXPECT_TRUE(
      has(refused([&] { RMSprop(p, {.alpha = -1}); }), {"[RMSprop] alpha"}));
  EXPECT_TRUE(has(refused([&] { Adafactor(p, {.beta2_decay = 1}); }),
                  {"[Adafactor] beta2_decay", "at most 0"}));
  EXPECT_TRUE(has(refused([&] { Adafactor(p, {.d = 0.5}); }),
                  {"[Adafactor] d ", "at least 1"}));
  EXPECT_TRUE(has(refused([&] { Lion(p, {.betas = {0.9, 1}}); }),
                  {"[Lion] betas.second"}));
  EXPECT_TRUE(has(refused([&] { LBFGS(p, {.max_iter = 0}); }),
                  {"[LBFGS] max_iter", "at least 1"}));
  EXPECT_TRUE(has(refused([&] { LBFGS(p, {.line_search_fn = "armijo"}); }),
                  {"line_search_fn", "\"armijo\"", "strong_wolfe"}));
  // A group's own settings too.
  EXPECT_TRUE(has(refused([&] { AdamW({{.parameters = p, .lr = -2}}, {}); }),
                  {"lr", "got -2"}));
}

TEST(Optimizers, RefuseSparseGradientsAndKernelsThatAreNotThere) {
  const Tensor p = parameter({3, 2});
  p.mutable_grad() = torch::ones({3, 2}).to_sparse();
  AdamW adamw({p});
  EXPECT_TRUE(has(refused([&] { adamw.step(); }), {"[AdamW]", "sparse"}));

  const Tensor meta =
      torch::zeros({2}, torch::device(torch::kMeta).requires_grad(true));
  meta.mutable_grad() = torch::zeros_like(meta);
  Adam fused({meta}, {.fused = true});
  EXPECT_TRUE(has(refused([&] { fused.step(); }),
                  {"[Adam]", "no fused kernel", "Float on meta"}));
}

TEST(Optimizers, AreNotSavedToArchives) {
  AdamW adamw({parameter({2})});
  torch::serialize::OutputArchive archive;
  EXPECT_TRUE(has(refused([&] { adamw.save(archive); }), {"use state()"}));
}

// -- a step ------------------------------------------------------------------

TEST(Optimizers, LeaveAloneWhatHasNoGradient) {
  const Tensor a = parameter({2}, 1), b = parameter({2}, 2);
  const Tensor before = b.detach().clone();
  AdamW adamw({a, b});
  EXPECT_EQ(adamw.state().at("state").size(), 0u);
  give_gradient(a, 3);
  adamw.step();
  EXPECT_TRUE(torch::equal(b, before));
  EXPECT_EQ(adamw.state().at("state").size(), 1u);
  EXPECT_FALSE(adamw.state().at("state").find(State::Key(int64_t{1})));
}

TEST(Optimizers, CallTheClosureWithGradientsOnAndGiveItsLoss) {
  const Tensor p = parameter({2});
  SGD sgd({p}, {.lr = 0.5});
  const Tensor before = p.detach().clone();
  const torch::NoGradGuard no_grad;
  const Tensor loss = sgd.step([&] {
    Tensor sum = p.sum();
    sum.backward();
    return sum;
  });
  EXPECT_TRUE(torch::equal(loss, before.sum()));
  EXPECT_TRUE(torch::equal(p, before - 0.5));
}

// torch's fused kernels of the CPU walk memory and don't look at strides.
TEST(Optimizers, TakeGradientsThatLieOtherwiseThanTheParameter) {
  const Tensor base = parameter({4, 3}).detach();
  for (const bool gaps : {false, true}) {
    const auto make = [&] {
      const Tensor own = base.clone();
      return (gaps ? own.slice(0, 0, 4, 2).t() : own.t())
          .detach()
          .set_requires_grad(true);
    };
    const Tensor a = make(), b = make();
    AdamW fused({a}, {.lr = 0.1}), plain({b}, {.lr = 0.1, .fused = false});
    for (uint64_t step = 0; step < 3; ++step) {
      const Tensor g = parameter(a.sizes(), step).detach();
      a.mutable_grad() = g.clone();
      b.mutable_grad() = g.clone();
      fused.step();
      plain.step();
    }
    EXPECT_TRUE(torch::allclose(a, b, 1e-6, 1e-7)) << gaps;
  }
}

TEST(Optimizers, TreatComplexParametersAsPairsOfReals) {
  const Tensor pairs = parameter({3, 2});
  const Tensor complex =
      torch::view_as_complex(pairs.detach().clone()).set_requires_grad(true);
  Adam a({pairs}), b({complex});
  for (uint64_t step = 0; step < 3; ++step) {
    give_gradient(pairs, step);
    complex.mutable_grad() = torch::view_as_complex(pairs.grad().clone());
    a.step();
    b.step();
  }
  EXPECT_TRUE(torch::equal(torch::view_as_real(complex.detach()), pairs));
  EXPECT_TRUE(b.state()
                  .at("state")
                  .at(State::Key(int64_t{0}))
                  .at("exp_avg")
                  .as_tensor()
                  .is_complex());
}

TEST(Optimizers, MixTypesInAGroup) {
  const auto run = [](bool together) {
    const Tensor a = parameter({3}, 1);
    const Tensor b =
        parameter({2}, 2).detach().to(torch::kDouble).set_requires_grad(true);
    const Tensor c = parameter({4}, 3);
    std::vector<std::unique_ptr<AdamW>> optimizers;
    if (together) {
      optimizers.push_back(
          std::make_unique<AdamW>(std::vector<Tensor>{a, b, c}));
    } else {
      for (const Tensor& p : {a, b, c}) {
        optimizers.push_back(std::make_unique<AdamW>(std::vector<Tensor>{p}));
      }
    }
    for (uint64_t step = 0; step < 3; ++step) {
      for (const Tensor& p : {a, b, c}) give_gradient(p, step);
      for (auto& optimizer : optimizers) optimizer->step();
    }
    return torch::cat({a.to(torch::kDouble), b, c.to(torch::kDouble)});
  };
  EXPECT_TRUE(torch::equal(run(true), run(false)));
}

TEST(Optimizers, WorkWithTorchsSchedulersAndSurviveAMove) {
  const Tensor p = parameter({2});
  AdamW first({p}, {.lr = 0.8});
  give_gradient(p, 1);
  first.step();
  AdamW adamw(std::move(first));
  EXPECT_EQ(adamw.state().at("state").size(), 1u);
  torch::optim::StepLR schedule(adamw, 1, 0.5);
  for (int i = 0; i < 2; ++i) {
    adamw.step();
    schedule.step();
  }
  EXPECT_EQ(adamw.options().lr, 0.4);
  EXPECT_EQ(adamw.param_groups()[0].options().get_lr(), 0.4);
  *adamw.momentum() = 0.5;
  EXPECT_EQ(adamw.options().betas.first, 0.5);
  EXPECT_EQ(clip_grad_norm(gradients(adamw), 1.0).dim(), 0);
}

TEST(Optimizers, TakeParametersBetweenSteps) {
  const Tensor a = parameter({2}, 1), b = parameter({2}, 2);
  SGD sgd({a}, {.lr = 1, .momentum = 0.9});
  give_gradient(a, 1);
  sgd.step();
  const State before = sgd.state().clone();
  sgd.add_param_group({.parameters = {b}, .lr_scale = 0.1, .name = "late"});
  // And as torch's own users do it, through the base.
  const Tensor c = parameter({2}, 3);
  static_cast<torch::optim::Optimizer&>(sgd).add_param_group(
      torch::optim::OptimizerParamGroup({c}));
  EXPECT_EQ(sgd.options(1).lr, 0.1);
  EXPECT_EQ(sgd.options(2).lr, 1);
  EXPECT_EQ(sgd.extras(1).at("name").as_string(), "late");
  EXPECT_EQ(sgd.state().at("state"), before.at("state"));
  for (const Tensor& p : {a, b, c}) give_gradient(p, 4);
  const Tensor expected = b.detach() - b.grad() * 0.1;
  sgd.step();
  EXPECT_TRUE(torch::allclose(b, expected));
  EXPECT_EQ(sgd.state().at("state").size(), 3u);
  EXPECT_TRUE(has(refused([&] { sgd.add_param_group({.parameters = {b}}); }),
                  {"given before"}));
}

// -- state -------------------------------------------------------------------

AdamW stepped(const Tensor& p) {
  AdamW adamw({p});
  give_gradient(p, 7);
  adamw.step();
  return adamw;
}

TEST(Optimizers, PassOverAGroupThatSomebodyEmptied) {
  const auto a = torch::ones({2}).requires_grad_();
  const auto b = torch::ones({2}).requires_grad_();
  SGD sgd({{.parameters = {a}}, {.parameters = {b}}}, {.lr = 0.1});
  (a + b).sum().backward();
  sgd.param_groups()[0].params().clear();
  sgd.step();
  EXPECT_EQ(a[0].item<double>(), 1);
  EXPECT_NEAR(b[0].item<double>(), 0.9, 1e-6);
  EXPECT_EQ(sgd.state().at("param_groups").items().size(), 2u);
}

TEST(OptimizerState, KeepsWhatOthersPutIntoGroups) {
  const Tensor p = parameter({2});
  AdamW adamw = stepped(p);
  State saved = adamw.state().clone();
  saved["param_groups"].items()[0]["initial_lr"] = 0.25;
  adamw.load_state(saved);
  const State now = adamw.state();
  const State& group = now.at("param_groups").items()[0];
  EXPECT_EQ(group.at("initial_lr").as_double(), 0.25);
  EXPECT_TRUE(group.at("betas").is_tuple());
  EXPECT_EQ(adamw.extras().size(), 1u);
}

TEST(OptimizerState, ThatDoesNotFitIsRefusedAndChangesNothing) {
  const Tensor p = parameter({2, 2});
  AdamW adamw = stepped(p);
  const State good = adamw.state().clone();
  const auto refuses = [&](const std::function<void(State&)>& spoil) {
    State bad = good;
    bad["param_groups"].items()[0]["lr"] = 5;
    spoil(bad);
    const std::string text =
        message_of<CheckpointError>([&] { adamw.load_state(bad); });
    EXPECT_EQ(adamw.state(), good) << text;
    return text;
  };
  const auto row = [](State& s) -> State& { return s["state"][0]; };
  EXPECT_TRUE(
      has(refuses([](State& s) {
            s["param_groups"].push_back(s["param_groups"].items()[0]);
          }),
          {"AdamW::load_state", "number of parameter groups", "got 2"}));
  EXPECT_TRUE(has(refuses([](State& s) {
                    s["param_groups"].items()[0]["params"].push_back(1);
                  }),
                  {"group 0 has another number of parameters", "got 2"}));
  EXPECT_TRUE(
      has(refuses([&](State& s) { row(s)["exp_avg"] = torch::zeros({3}); }),
          {"exp_avg of parameter 0", "got [3]", "[2, 2]"}));
  EXPECT_TRUE(has(refuses([&](State& s) { row(s)["sum"] = 1; }),
                  {"another kind", "exp_avg_sq"}));
  EXPECT_TRUE(
      has(refuses([&](State& s) { row(s).erase(std::string("exp_avg")); }),
          {"lacks a part"}));
  EXPECT_TRUE(has(refuses([&](State& s) { s["state"][9] = State(row(s)); }),
                  {"a parameter that no group has", "9"}));
  EXPECT_TRUE(
      has(refuses([](State& s) { s.erase(std::string("state")); }), {"state"}));
}

TEST(OptimizerState, TakesTheNumbersOfOldPythons) {
  const Tensor p = parameter({2});
  AdamW adamw = stepped(p);
  State old = adamw.state().clone();
  old["state"][0]["step"] = 41;
  State& group = old["param_groups"].items()[0];
  group["lr"] = torch::scalar_tensor(0.125);
  group.erase(std::string("fused"));
  adamw.load_state(old);
  adamw.step();
  const State now = adamw.state();
  EXPECT_EQ(now.at("state")
                .at(State::Key(int64_t{0}))
                .at("step")
                .as_tensor()
                .item<double>(),
            42);
  EXPECT_EQ(adamw.options().lr, 0.125);
}

TEST(OptimizerState, OfAdagradIsThereFromTheStart) {
  const Adagrad adagrad({parameter({2})}, {.initial_accumulator_value = 0.5});
  const State state = adagrad.state();
  EXPECT_TRUE(torch::equal(
      state.at("state").at(State::Key(int64_t{0})).at("sum").as_tensor(),
      torch::full({2}, 0.5)));
}

// torch's own, by their names in Python.
TEST(OptimizerState, OfAnotherKindIsRefused) {
  namespace to = torch::optim;
  const auto w = torch::ones({2}).requires_grad_();
  const auto stepped = [&](to::Optimizer& optimizer) {
    w.mutable_grad() = torch::ones({2});
    optimizer.step();
    return optimizer_state(optimizer).clone();
  };
  to::SGD sgd({w}, to::SGDOptions(0.1).momentum(0.9));
  to::Adam adam({w}), other({w});
  to::RMSprop rmsprop({w});
  const State of_sgd = stepped(sgd), of_adam = stepped(adam);
  load_optimizer_state(other, of_adam);
  const auto refusal = [](to::Optimizer& into, const State& state) {
    return message_of<CheckpointError>(
        [&] { load_optimizer_state(into, state); });
  };
  EXPECT_TRUE(has(refusal(adam, of_sgd), {"momentum_buffer"}));
  EXPECT_TRUE(has(refusal(rmsprop, of_sgd), {"square_avg"}));
  EXPECT_TRUE(has(refusal(sgd, of_adam), {"step", "of the same kind"}));
  // Nothing has changed.
  EXPECT_EQ(testing::first_difference(optimizer_state(adam), of_adam), "");
  State lacks = of_adam.clone();
  State row = State::map({{"step", 1.0}});
  lacks["state"] = State::map();
  lacks["state"].set(State::Key(int64_t{0}), row);
  EXPECT_TRUE(has(refusal(adam, lacks), {"exp_avg"}));
}

}  // namespace
}  // namespace bolt
