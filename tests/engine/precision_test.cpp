#include <gtest/gtest.h>
#include <torch/torch.h>
#include <torchbolt/torchbolt.h>

#include <memory>
#include <string>

#include "support/errors.h"
#include "support/log_capture.h"

// The precision plug-ins, and Fabric's loops with them.

namespace bolt {
namespace {

using testing::has;
using testing::LogCapture;
using testing::message_of;

const std::vector<Precision> kAll{Precision::k32True,  Precision::k64True,
                                  Precision::k16True,  Precision::kBF16True,
                                  Precision::k16Mixed, Precision::kBF16Mixed};

torch::ScalarType weights_of(Precision precision) {
  switch (precision) {
    case Precision::k64True:
      return torch::kDouble;
    case Precision::k16True:
      return torch::kHalf;
    case Precision::kBF16True:
      return torch::kBFloat16;
    default:
      return torch::kFloat;
  }
}

// Without half kernels on the CPU.
struct NoHalf : MixedPrecision {
  using MixedPrecision::MixedPrecision;
  bool computes_in_half(const c10::Device&) const override { return false; }
};

TEST(Precision, ALoopOfOnesOwnLearnsInEachOfThem) {
  for (const Precision precision : kAll) {
    SCOPED_TRACE(std::string(to_string(precision)));
    torch::manual_seed(3);
    Fabric fabric({.accelerator = Accelerator::kCPU, .precision = precision});
    torch::nn::Linear net(2, 1);
    fabric.setup(*net);
    EXPECT_EQ(net->weight.scalar_type(), weights_of(precision));
    torch::optim::SGD sgd(net->parameters(), 0.1);
    double first = 0;
    double last = 0;
    for (int k = 0; k < 40; ++k) {
      torch::Tensor x = torch::rand({16, 2});
      fabric.to_device(x);
      EXPECT_EQ(x.scalar_type(), weights_of(precision));
      const auto y = x.sum(1, true);
      torch::Tensor loss;
      {
        const auto autocast = fabric.autocast();
        const auto out = net->forward(x);
        if (precision == Precision::k16Mixed) {
          EXPECT_EQ(out.scalar_type(), torch::kHalf);
        } else if (precision == Precision::kBF16Mixed) {
          EXPECT_EQ(out.scalar_type(), torch::kBFloat16);
        }
        loss = torch::mse_loss(out, y);
      }
      fabric.zero_grad(sgd);
      fabric.backward(loss);
      fabric.clip_gradients(sgd, 10.0);
      fabric.step(sgd);
      (k == 0 ? first : last) = loss.item<double>();
    }
    EXPECT_LT(last, first / 4);
    EXPECT_EQ(torch::get_default_dtype(), caffe2::TypeMeta::Make<float>());
    EXPECT_EQ(fabric.state().contains("MixedPrecision"),
              precision == Precision::k16Mixed);
  }
}

TEST(Precision, AnOverflowIsASkippedStep) {
  const auto plugin = std::make_shared<MixedPrecision>(MixedPrecisionOptions{
      .scaler = GradScalerOptions{.init_scale = 8, .growth_interval = 1}});
  Fabric fabric({.accelerator = Accelerator::kCPU, .plugins = {plugin}});
  const auto w = torch::ones({1}).requires_grad_();
  torch::optim::SGD sgd({w}, 0.5);
  fabric.backward((w * INFINITY).sum());
  fabric.step(sgd);
  EXPECT_EQ(w.item<double>(), 1);
  EXPECT_TRUE(std::isinf(w.grad().item<double>())) << "it is there again";
  EXPECT_EQ(plugin->scaler()->get_scale(), 4);
  fabric.zero_grad(sgd);
  fabric.backward(w.sum());
  fabric.step(sgd);
  EXPECT_EQ(w.item<double>(), 0.5);
  EXPECT_EQ(plugin->scaler()->get_scale(), 8);
}

TEST(Precision, AClosuresGradientsAreUnscaledAndAnExceptionLeavesNoTrace) {
  Fabric fabric(
      {.accelerator = Accelerator::kCPU, .precision = Precision::k16Mixed});
  const auto w = torch::ones({1}).requires_grad_();
  torch::optim::SGD sgd({w}, 0.5);
  EXPECT_THROW(fabric.step(sgd,
                           [&]() -> torch::Tensor {
                             fabric.backward(w.sum());
                             fabric.clip_gradients(sgd, 1.0);
                             throw std::runtime_error("no");
                           }),
               std::runtime_error);
  fabric.step(sgd, [&] {
    fabric.zero_grad(sgd);
    auto loss = w.sum();
    fabric.backward(loss);
    return loss;
  });
  EXPECT_EQ(w.item<double>(), 0.5);
}

TEST(Precision, AStepThatWasNotMadeLeavesTheNextOneRight) {
  Fabric fabric(
      {.accelerator = Accelerator::kCPU, .precision = Precision::k16Mixed});
  const auto w = torch::ones({1}).requires_grad_();
  torch::optim::SGD sgd({w}, 0.5);
  fabric.backward(w.sum());
  fabric.clip_gradients(sgd, 10.0);  // unscaled, and no step
  fabric.zero_grad(sgd);
  fabric.backward(w.sum());
  fabric.step(sgd);
  EXPECT_EQ(w.item<double>(), 0.5);
}

TEST(Precision, ConvertsFloatingParametersAndBuffersInPlace) {
  struct Net : torch::nn::Module {
    Net() {
      weight = register_parameter("weight", torch::ones({2}));
      mean = register_buffer("mean", torch::ones({2}));
      count = register_buffer("count", torch::tensor(7));
      z = register_buffer("z", torch::ones({1}, torch::kComplexFloat));
    }
    torch::Tensor weight, mean, count, z;
  } net;
  const auto sgd = torch::optim::SGD(net.parameters(), 0.1);
  net.weight.mutable_grad() = torch::ones({2});
  TruePrecision half(Precision::kBF16True);
  half.convert_module(net);
  EXPECT_EQ(net.weight.scalar_type(), torch::kBFloat16);
  EXPECT_EQ(net.weight.grad().scalar_type(), torch::kBFloat16);
  EXPECT_EQ(net.mean.scalar_type(), torch::kBFloat16);
  EXPECT_EQ(net.count.scalar_type(), torch::kLong);
  EXPECT_EQ(net.count.item<int64_t>(), 7);
  EXPECT_EQ(net.z.scalar_type(), torch::kComplexFloat);
  EXPECT_TRUE(sgd.param_groups()[0].params()[0].is_same(net.weight));
}

TEST(Precision, ConvertsABatchOnlyWhereItMust) {
  Fabric fabric(
      {.accelerator = Accelerator::kCPU, .precision = Precision::kBF16True});
  using Parts = std::tuple<torch::Tensor, torch::Tensor>;
  const Parts kept{torch::ones({2}), torch::tensor({1, 2})};
  AnyBatch batch;
  batch.refer(kept);
  fabric.to_device(batch);
  EXPECT_EQ(std::get<0>(batch.as<Parts>()).scalar_type(), torch::kBFloat16);
  EXPECT_TRUE(std::get<1>(batch.as<Parts>()).is_same(std::get<1>(kept)));
  EXPECT_EQ(std::get<0>(kept).scalar_type(), torch::kFloat)
      << "the caller's stays";
  const Parts fits{torch::ones({2}, torch::kBFloat16), torch::tensor({1})};
  batch.refer(fits);
  fabric.to_device(batch);
  EXPECT_EQ(&batch.as<Parts>(), &fits) << "nothing to convert, no copy";
}

TEST(Precision, AutocastScopesNestAndEnd) {
  const auto x = torch::ones({2, 2});
  const auto type = [&] { return x.mm(x).scalar_type(); };
  {
    const AutocastScope outer(at::kCPU, at::kBFloat16);
    EXPECT_EQ(type(), torch::kBFloat16);
    {
      const AutocastScope off = AutocastScope::off(at::kCPU);
      EXPECT_EQ(type(), torch::kFloat);
      const AutocastScope inner(at::kCPU, at::kHalf);
      EXPECT_EQ(type(), torch::kHalf);
    }
    EXPECT_EQ(type(), torch::kBFloat16);
  }
  EXPECT_EQ(type(), torch::kFloat);
}

TEST(Precision, AutocastNeverUsesAWeightThatWasConvertedWithoutGradient) {
  Fabric fabric(
      {.accelerator = Accelerator::kCPU, .precision = Precision::kBF16Mixed});
  const auto w = torch::ones({2, 2}).requires_grad_();
  torch::Tensor loss;
  {
    const auto autocast = fabric.autocast();
    {
      const torch::NoGradGuard no_grad;
      w.mm(w);
    }
    loss = w.mm(w).sum();
  }
  fabric.backward(loss);
  EXPECT_TRUE(w.grad().defined());
}

TEST(Precision, WithoutHalfKernelsItIsBFloat16WithOneWarning) {
  const LogCapture log;
  const auto plugin = std::make_shared<NoHalf>();
  Fabric fabric({.accelerator = Accelerator::kCPU, .plugins = {plugin}});
  EXPECT_EQ(fabric.precision(), Precision::kBF16Mixed);
  EXPECT_EQ(plugin->scaler(), nullptr);
  EXPECT_EQ(log.count("\"bf16-mixed\" is used"), 1);
  const auto autocast = fabric.autocast();
  const auto x = torch::ones({2, 2});
  EXPECT_EQ(x.mm(x).scalar_type(), torch::kBFloat16);
}

TEST(Precision, APlugInGivenByValueIsEachFabricsOwn) {
  const FabricOptions options{
      .accelerator = Accelerator::kCPU,
      .plugins = {
          MixedPrecision({.scaler = GradScalerOptions{.init_scale = 1024}})}};
  Fabric one(options);
  Fabric other(options);
  EXPECT_NE(one.precision_plugin(), other.precision_plugin());
  auto& plugin = dynamic_cast<MixedPrecision&>(*one.precision_plugin());
  ASSERT_NE(plugin.scaler(), nullptr);
  EXPECT_EQ(plugin.scaler()->get_scale(), 1024);
}

// As those of two threads do.
TEST(DefaultDtypeScope, EndsInAnyOrder) {
  const auto now = [] { return torch::zeros({1}).scalar_type(); };
  auto first = std::make_unique<DefaultDtypeScope>(torch::kDouble);
  auto second = std::make_unique<DefaultDtypeScope>(torch::kHalf);
  EXPECT_EQ(now(), torch::kHalf);
  first.reset();
  EXPECT_EQ(now(), torch::kHalf);
  second.reset();
  EXPECT_EQ(now(), torch::kFloat);
  first = std::make_unique<DefaultDtypeScope>(torch::kDouble);
  {
    const DefaultDtypeScope inner(torch::kBFloat16);
    EXPECT_EQ(now(), torch::kBFloat16);
  }
  EXPECT_EQ(now(), torch::kDouble);
  first.reset();
  EXPECT_EQ(now(), torch::kFloat);
}

TEST(Precision, RefusesWhatDoesntFit) {
  const auto refused = [](FabricOptions options) {
    options.accelerator = Accelerator::kCPU;
    return message_of<ConfigError>([&] { Fabric fabric(options); });
  };
  const auto plugin = std::make_shared<MixedPrecision>();
  EXPECT_TRUE(
      has(refused({.precision = Precision::kBF16Mixed, .plugins = {plugin}}),
          {"plugins", "bf16-mixed", "one of the two"}));
  EXPECT_TRUE(has(refused({.plugins = {plugin, plugin}}), {"more than one"}));
  EXPECT_TRUE(has(refused({.plugins = {std::shared_ptr<PrecisionPlugin>()}}),
                  {"null"}));
  EXPECT_TRUE(has(message_of<ConfigError>([] {
                    MixedPrecision({.precision = Precision::kBF16Mixed,
                                    .scaler = GradScalerOptions{}});
                  }),
                  {"bf16-mixed", "no loss scaler"}));
  EXPECT_THROW(MixedPrecision({.precision = Precision::k32True}), ConfigError);
  EXPECT_THROW(TruePrecision{Precision::k16Mixed}, ConfigError);

  Fabric fabric(
      {.accelerator = Accelerator::kCPU, .precision = Precision::k16Mixed});
  const auto w = torch::ones({1}).requires_grad_();
  torch::optim::LBFGS theirs({w});
  optim::LBFGS ours({w});
  fabric.backward(w.sum());
  for (torch::optim::Optimizer* lbfgs :
       std::initializer_list<torch::optim::Optimizer*>{&theirs, &ours}) {
    EXPECT_TRUE(has(message_of<ConfigError>(
                        [&] { fabric.step(*lbfgs, [&] { return w.sum(); }); }),
                    {"LBFGS", "16-mixed"}));
  }
}

TEST(Precision, NamesAreLightnings) {
  const LogCapture log;
  for (const Precision precision : kAll) {
    EXPECT_EQ(parse_precision(to_string(precision)), precision);
  }
  EXPECT_EQ(parse_precision("32"), Precision::k32True);
  EXPECT_EQ(parse_precision(64), Precision::k64True);
  EXPECT_EQ(log.count("old name"), 0);
  EXPECT_EQ(parse_precision(16), Precision::k16Mixed);
  EXPECT_EQ(parse_precision("bf16"), Precision::kBF16Mixed);
  EXPECT_EQ(log.count("\"16\" is an old name; write \"16-mixed\""), 1);
  EXPECT_EQ(log.count("\"bf16\" is an old name; write \"bf16-mixed\""), 1);
  EXPECT_TRUE(has(message_of<ConfigError>([] { parse_precision("bf16mixed"); }),
                  {"precision", "\"bf16-mixed\""}));
  EXPECT_TRUE(has(
      message_of<ConfigError>([] { parse_precision("transformer-engine"); }),
      {"vendor", "bf16-mixed"}));
}

}  // namespace
}  // namespace bolt
