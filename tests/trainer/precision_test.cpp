#include <gtest/gtest.h>

#include <barrier>
#include <memory>
#include <string>
#include <thread>

#include "support/log_capture.h"
#include "support/models.h"

// Fits in other number formats, and with a plug-in of the user's.

namespace bolt {
namespace {

using testing::Line;
using testing::line_batches;
using testing::LogCapture;
using testing::quiet;

torch::ScalarType default_dtype() {
  return torch::typeMetaToScalarType(torch::get_default_dtype());
}

// Says what its steps see.
struct Watching : Line {
  StepOutput training_step(const Batch& batch, StepContext& step) override {
    input = batch.data.scalar_type();
    made = torch::zeros({1}).scalar_type();
    product = batch.data.mm(layer->weight).scalar_type();
    return Line::training_step(batch, step);
  }
  void validation_step(const Batch& batch, StepContext&) override {
    in_validation = torch::zeros({1}).scalar_type();
    log("val_loss", loss_of(batch));
  }
  Prediction predict_step(const Batch& batch, StepContext&) override {
    return layer->forward(batch.data);
  }
  void configure_model() override {
    if (!extra) extra = register_module("extra", torch::nn::Linear(1, 1));
    at_model = extra->weight.scalar_type();
  }
  void on_train_batch_end(const StepOutput& output, const Batch&,
                          const StepContext&) override {
    after = default_dtype();
    losses.push_back(output.loss().item<double>());
  }
  torch::nn::Linear extra{nullptr};
  torch::ScalarType input{}, made{}, product{}, in_validation{}, after{},
      at_model{};
  std::vector<double> losses{};
};

struct Mode {
  Precision precision;
  torch::ScalarType weights, made, product;
};

const std::vector<Mode> kModes{
    {Precision::k32True, torch::kFloat, torch::kFloat, torch::kFloat},
    {Precision::k64True, torch::kDouble, torch::kDouble, torch::kDouble},
    {Precision::k16True, torch::kHalf, torch::kHalf, torch::kHalf},
    {Precision::kBF16True, torch::kBFloat16, torch::kBFloat16,
     torch::kBFloat16},
    {Precision::k16Mixed, torch::kFloat, torch::kFloat, torch::kHalf},
    {Precision::kBF16Mixed, torch::kFloat, torch::kFloat, torch::kBFloat16}};

TEST(PrecisionOfAFit, IsThatOfParametersInputsAndOperations) {
  for (const Mode& mode : kModes) {
    SCOPED_TRACE(std::string(to_string(mode.precision)));
    torch::manual_seed(1);
    Watching model;
    Trainer trainer(quiet({.max_epochs = 3, .precision = mode.precision}));
    const auto batches = line_batches(8);
    trainer.fit(model, batches, line_batches(1));
    EXPECT_EQ(trainer.fabric().precision(), mode.precision);
    EXPECT_EQ(model.layer->weight.scalar_type(), mode.weights);
    EXPECT_EQ(model.input, mode.weights);
    EXPECT_EQ(model.made, mode.made);
    EXPECT_EQ(model.product, mode.product);
    EXPECT_EQ(model.in_validation, mode.made);
    EXPECT_EQ(model.at_model, mode.made);
    EXPECT_EQ(model.after, torch::kFloat) << "only the steps are in its scope";
    EXPECT_LT(model.losses.back(), model.losses.front());
    EXPECT_EQ(default_dtype(), torch::kFloat);
    EXPECT_EQ(batches[0].data.scalar_type(), torch::kFloat)
        << "the caller's batches stay";
    const auto x = torch::ones({1, 1});
    EXPECT_EQ(x.mm(x).scalar_type(), torch::kFloat) << "autocast has ended";

    const Predictions predictions = trainer.predict(model, line_batches(1));
    EXPECT_EQ(predictions[0][0].as_tensor().scalar_type(), mode.product);
    EXPECT_EQ(model.layer->weight.scalar_type(), mode.weights);
  }
}

TEST(PrecisionOfAFit, EndsWithAnExceptionToo) {
  for (const Mode& mode : kModes) {
    for (const char* where :
         {"training_step", "validation_step", "configure_model"}) {
      Line model;
      model.on_hook = [&](const std::string& hook) {
        if (hook == where) throw std::runtime_error("no");
      };
      Trainer trainer(quiet({.max_epochs = 1, .precision = mode.precision}));
      EXPECT_THROW(trainer.fit(model, line_batches(2), line_batches(1)),
                   std::runtime_error);
      EXPECT_EQ(default_dtype(), torch::kFloat);
      const auto x = torch::ones({1, 1});
      EXPECT_EQ(x.mm(x).scalar_type(), torch::kFloat);
    }
  }
}

TEST(PrecisionOfAFit, WarnsOfAnAdamThatCantBeInFloat16) {
  struct WithAdam : Line {
    OptimizerConfig configure_optimizers() override {
      if (ours) return optim::AdamW(parameters(), {.lr = 0.1, .eps = eps});
      return torch::optim::AdamW(parameters(),
                                 torch::optim::AdamWOptions(0.1).eps(eps));
    }
    bool ours = false;
    double eps = 1e-8;
  };
  for (const bool ours : {false, true}) {
    for (const double eps : {1e-8, 1e-4}) {
      const LogCapture log;
      WithAdam model;
      model.ours = ours;
      model.eps = eps;
      Trainer trainer(
          quiet({.max_epochs = 1, .precision = Precision::k16True}));
      trainer.fit(model, line_batches(2));
      EXPECT_EQ(log.count("eps=1e-08 is zero in float16"), eps < 1e-7 ? 1 : 0);
    }
  }
}

TEST(PrecisionPlugins, MayBeTheUsersOwn) {
  struct Doubled : PrecisionPlugin {
    std::string_view name() const override { return "Doubled"; }
    at::Tensor convert_input(const at::Tensor& input) const override {
      ++inputs;
      return input * 2;
    }
    at::Tensor pre_backward(const at::Tensor& loss) override {
      calls += "pre ";
      return loss;
    }
    bool unscale_gradients(torch::optim::Optimizer&) override {
      calls += "unscale ";
      return true;
    }
    void begin_step(torch::optim::Optimizer&) override { calls += "begin "; }
    void end_step(torch::optim::Optimizer&) noexcept override {
      calls += "end ";
    }
    void update() override { calls += "update "; }
    mutable int inputs = 0;
    std::string calls{};
  };
  const auto plugin = std::make_shared<Doubled>();
  Line model;
  Trainer trainer(quiet({.max_epochs = 1, .plugins = {plugin}}));
  trainer.fit(model, line_batches(1));
  EXPECT_EQ(plugin->calls, "pre unscale begin end update ");
  EXPECT_EQ(plugin->inputs, 2);
}

// libtorch has one default type for all threads.
TEST(PrecisionOfTrainers, TwoThreadsThatDifferAreToldOfIt) {
  struct Waits : Line {
    StepOutput training_step(const Batch& batch, StepContext& step) override {
      meet->arrive_and_wait();  // both are in their run
      return Line::training_step(batch, step);
    }
    std::barrier<>* meet = nullptr;
  };
  const auto run = [](Precision one, Precision other) {
    const LogCapture log;
    std::barrier<> meet(2);
    // Made before, while the default is the usual one.
    Waits models[2];
    const auto fit = [&](Waits& model, Precision precision) {
      model.meet = &meet;
      try {
        Trainer(quiet({.max_epochs = 1, .precision = precision}))
            .fit(model, line_batches(1));
      } catch (const std::exception& error) {
        ADD_FAILURE() << error.what();
        meet.arrive_and_drop();  // the other one doesn't wait
      }
    };
    std::thread thread([&] { fit(models[0], one); });
    fit(models[1], other);
    thread.join();
    return log.count("has one default for all threads");
  };
  EXPECT_EQ(run(Precision::k64True, Precision::k32True), 1);
  EXPECT_EQ(run(Precision::k64True, Precision::k64True), 0);
  EXPECT_EQ(run(Precision::kBF16Mixed, Precision::k32True), 0);
  EXPECT_EQ(torch::zeros({1}).scalar_type(), torch::kFloat);
}

}  // namespace
}  // namespace bolt
