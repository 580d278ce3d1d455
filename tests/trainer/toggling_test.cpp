#include <gtest/gtest.h>

#include "support/pair.h"

namespace bolt {
namespace {

using testing::has;
using testing::line_batches;
using testing::Pair;
using testing::quiet;
using testing::refused;

TEST(Toggling, AToggledOptimizerAloneGetsGradients) {
  Pair model;
  model.step = [&](StepContext&) -> StepOutput {
    auto second = model.optimizer(1);
    {
      const auto scope = model.toggled_optimizer(second);
      EXPECT_FALSE(model.a.requires_grad());
      EXPECT_TRUE(model.b.requires_grad());
      model.manual_backward((model.a * model.b).sum());
    }
    EXPECT_TRUE(model.a.requires_grad());
    EXPECT_FALSE(model.a.grad().defined());
    EXPECT_TRUE(model.b.grad().defined());
    {
      const auto scope = second.toggle_model(/*sync_grad=*/false);
      EXPECT_FALSE(model.a.requires_grad());
    }
    EXPECT_TRUE(model.a.requires_grad());
    return {};
  };
  Trainer(quiet({.max_epochs = 1})).fit(model, line_batches(1));
}

TEST(Toggling, TogglingKeepsWhatWasFrozen) {
  Pair model;
  model.a.requires_grad_(false);
  model.step = [&](StepContext&) -> StepOutput {
    model.toggle_optimizer(model.optimizer(0));
    EXPECT_FALSE(model.a.requires_grad());
    EXPECT_FALSE(model.b.requires_grad());
    model.untoggle_optimizer(model.optimizer(0));
    EXPECT_FALSE(model.a.requires_grad());
    EXPECT_TRUE(model.b.requires_grad());
    return {};
  };
  Trainer(quiet({.max_epochs = 1})).fit(model, line_batches(1));
}

TEST(Toggling, KeepsWhatWasFrozenOfTheOthers) {
  Pair model;
  model.b.requires_grad_(false);
  model.step = [&](StepContext&) -> StepOutput {
    const auto scope = model.toggled_optimizer(model.optimizer(0));
    EXPECT_TRUE(model.a.requires_grad());
    return {};
  };
  Trainer(quiet({.max_epochs = 1})).fit(model, line_batches(1));
  EXPECT_FALSE(model.b.requires_grad());
}

// An exception between the two leaves nothing off.
TEST(Toggling, AToggleDoesntOutliveItsFit) {
  Pair model;
  model.step = [&](StepContext&) -> StepOutput {
    model.toggle_optimizer(model.optimizer(0));
    throw std::runtime_error("on purpose");
  };
  Trainer trainer(quiet({.max_epochs = 1}));
  EXPECT_THROW(trainer.fit(model, line_batches(1)), std::runtime_error);
  EXPECT_TRUE(model.b.requires_grad());
}

TEST(Toggling, TogglesThatDontFitAreRefused) {
  Pair model;
  model.step = [&](StepContext&) -> StepOutput {
    model.toggle_optimizer(model.optimizer(0));
    model.toggle_optimizer(model.optimizer(1));
    return {};
  };
  EXPECT_TRUE(has(refused(model), {"toggle_optimizer", "already"}));
  const auto foreign = Pair::sgd(torch::zeros({1}));
  model.step = [&](StepContext&) -> StepOutput {
    model.toggle_optimizer(*foreign);
    return {};
  };
  EXPECT_TRUE(has(refused(model), {"toggle_optimizer", "none of the fit's"}));
  EXPECT_TRUE(model.a.requires_grad());
}

TEST(Toggling, EndsWithTheOptimizerThatWasToggled) {
  Pair model;
  model.step = [&](StepContext&) -> StepOutput {
    model.untoggle_optimizer(model.optimizer(1));  // none is: nothing to do
    model.toggle_optimizer(model.optimizer(0));
    model.untoggle_optimizer(model.optimizer(1));
    return {};
  };
  EXPECT_TRUE(has(refused(model), {"untoggle_optimizer", "another"}));
  EXPECT_TRUE(model.b.requires_grad());
}

TEST(Toggling, AScopeLeavesTheToggleOfAnotherAlone) {
  Pair model;
  model.step = [&](StepContext&) -> StepOutput {
    {
      const auto scope = model.toggled_optimizer(model.optimizer(0));
      model.untoggle_optimizer(model.optimizer(0));
      model.toggle_optimizer(model.optimizer(1));
    }
    EXPECT_FALSE(model.a.requires_grad());
    EXPECT_TRUE(model.b.requires_grad());
    model.untoggle_optimizer(model.optimizer(1));
    EXPECT_TRUE(model.a.requires_grad());
    return {};
  };
  Trainer(quiet({.max_epochs = 1})).fit(model, line_batches(1));
}

}  // namespace
}  // namespace bolt
