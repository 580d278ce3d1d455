#include <gtest/gtest.h>

#include "support/errors.h"
#include "support/models.h"

namespace bolt {
namespace {

using testing::has;
using testing::Line;
using testing::line_batches;
using testing::message_of;
using testing::quiet;

TEST(AutomaticOptimization, ClipsByNormAndByValue) {
  for (const auto by : {ClipAlgorithm::kNorm, ClipAlgorithm::kValue}) {
    struct Watch : Line {
      void optimizer_step(int64_t, int64_t, torch::optim::Optimizer& optimizer,
                          const std::function<at::Tensor()>& closure) override {
        closure();
        norm = optim::clip_grad_norm(optim::gradients(optimizer), 1e9)
                   .item<double>();
        for (const auto& g : optim::gradients(optimizer)) {
          largest = std::max(largest, g.abs().max().item<double>());
        }
      }
      double norm = 0, largest = 0;
    } model;
    Trainer(quiet({.max_steps = 1,
                   .gradient_clip_val = 0.01,
                   .gradient_clip_algorithm = by}))
        .fit(model, line_batches(1));
    if (by == ClipAlgorithm::kNorm) {
      EXPECT_NEAR(model.norm, 0.01, 1e-6);
    } else {
      EXPECT_NEAR(model.largest, 0.01, 1e-8);
    }
  }
}

TEST(AutomaticOptimization, StepsASchedule) {
  struct Scheduled : Line {
    OptimizerConfig configure_optimizers() override {
      sgd = std::make_shared<torch::optim::SGD>(parameters(), 1.0);
      return {sgd, torch::optim::StepLR(*sgd, 1, 0.5)};
    }
    std::shared_ptr<torch::optim::SGD> sgd{};
  } model;
  Trainer(quiet({.max_epochs = 3})).fit(model, line_batches(2));
  Line other;
  torch::optim::SGD by_hand(other.parameters(), 1.0);
  torch::optim::StepLR schedule(by_hand, 1, 0.5);
  for (int epoch = 0; epoch < 3; ++epoch) schedule.step();
  const double lr = by_hand.param_groups()[0].options().get_lr();
  EXPECT_LT(lr, 1);
  EXPECT_DOUBLE_EQ(model.sgd->param_groups()[0].options().get_lr(), lr);
}

TEST(AutomaticOptimization, AClosureThatIsNotCalledIsAnError) {
  struct Forgets : Line {
    void optimizer_step(int64_t, int64_t, torch::optim::Optimizer& optimizer,
                        const std::function<at::Tensor()>&) override {
      optimizer.step();
    }
  } forgets;
  EXPECT_TRUE(
      has(message_of<ConfigError>([&] {
            Trainer(quiet({.max_epochs = 1})).fit(forgets, line_batches(1));
          }),
          {"optimizer_step", "closure"}));
  struct Keeps : Line {
    void optimizer_step(int64_t, int64_t, torch::optim::Optimizer& optimizer,
                        const std::function<at::Tensor()>& closure) override {
      kept = closure;
      optimizer.step(closure);
    }
    std::function<at::Tensor()> kept;
  } keeps;
  Trainer trainer(quiet({.max_epochs = 1}));
  trainer.fit(keeps, line_batches(1));
  EXPECT_THROW(keeps.kept(), ConfigError);
}

// Also where the step before it did call its own.
TEST(AutomaticOptimization, EachStepMustCallItsClosure) {
  struct Forgets : Line {
    void optimizer_step(int64_t, int64_t batch_idx,
                        torch::optim::Optimizer& optimizer,
                        const std::function<at::Tensor()>& closure) override {
      if (batch_idx == 0) optimizer.step(closure);
    }
  } model;
  EXPECT_TRUE(
      has(message_of<ConfigError>([&] {
            Trainer(quiet({.max_epochs = 1})).fit(model, line_batches(2));
          }),
          {"optimizer_step", "closure"}));
}

TEST(AutomaticOptimization, TheLossIsHandedOnWithoutItsGraph) {
  struct Looks : Line {
    StepOutput training_step(const Batch& batch, StepContext&) override {
      return loss = loss_of(batch);
    }
    void on_train_batch_end(const StepOutput& outputs, const Batch&,
                            const StepContext&) override {
      EXPECT_FALSE(outputs.loss().requires_grad());
      EXPECT_EQ(outputs.loss().item<float>(), loss.item<float>());
    }
    torch::Tensor loss{};
  } model;
  Trainer(quiet({.max_epochs = 1})).fit(model, line_batches(2));
}

TEST(AutomaticOptimization, ALossWithoutGradientIsExplained) {
  struct Detached : Line {
    StepOutput training_step(const Batch& batch, StepContext&) override {
      return loss_of(batch).detach();
    }
  } model;
  EXPECT_TRUE(
      has(message_of<ConfigError>([&] {
            Trainer(quiet({.max_epochs = 1})).fit(model, line_batches(1));
          }),
          {"training_step", "no parameter"}));
}

}  // namespace
}  // namespace bolt
