#include <gtest/gtest.h>

#include "support/errors.h"
#include "support/log_capture.h"
#include "support/models.h"

namespace bolt {
namespace {

using testing::has;
using testing::line_batches;
using testing::LogCapture;
using testing::message_of;
using testing::quiet;

// y from a backbone with a batch normalization, and a head.
struct Net : LightningModule<> {
  explicit Net(bool ours = true) : ours(ours) {
    register_module("backbone", backbone);
    register_module("head", head);
  }
  StepOutput training_step(const Batch& batch, StepContext&) override {
    return torch::mse_loss(head->forward(backbone->forward(batch.data)),
                           batch.target);
  }
  OptimizerConfig configure_optimizers() override {
    if (ours) return optim::SGD(head->parameters(), {.lr = 0.1});
    return torch::optim::SGD(head->parameters(),
                             torch::optim::SGDOptions(0.1).momentum(0.5));
  }
  bool ours;
  torch::nn::Linear linear{1, 4};
  torch::nn::BatchNorm1d norm{4};
  torch::nn::Sequential backbone{linear, norm};
  torch::nn::Linear head{4, 1};
};

// What each epoch ends with.
struct Watch : Callback {
  void on_train_epoch_end(Trainer& trainer, Module& m) override {
    auto& net = dynamic_cast<Net&>(m);
    linear.push_back(net.linear->weight.detach().clone());
    scale.push_back(net.norm->weight.detach().clone());
    running.push_back(net.norm->running_mean.clone());
    auto& groups = trainer.optimizers()[0]->param_groups();
    lrs.push_back(groups.size() == 1 ? 0 : groups.back().options().get_lr());
  }
  std::vector<at::Tensor> linear{}, scale{}, running{};
  std::vector<double> lrs{};
};

std::shared_ptr<Watch> watch_of(Net& net, BackboneFinetuningOptions options,
                                int64_t epochs) {
  const auto watch = std::make_shared<Watch>();
  TrainerOptions all = quiet({.max_epochs = epochs});
  all.callbacks = {BackboneFinetuning(std::move(options)), watch};
  Trainer(all).fit(net, line_batches(3));
  return watch;
}

TEST(BackboneFinetuning, TrainsTheHeadFirstThenBoth) {
  for (const bool ours : {true, false}) {
    Net net(ours);
    const auto watch = watch_of(
        net,
        {.unfreeze_backbone_at_epoch = 2, .backbone_initial_ratio_lr = 0.25},
        5);
    EXPECT_TRUE(torch::equal(watch->linear[0], watch->linear[1]));
    EXPECT_FALSE(torch::equal(watch->linear[1], watch->linear[2]));
    EXPECT_FALSE(torch::equal(watch->linear[2], watch->linear[3]));
    // Doubled each epoch, up to that of the head.
    EXPECT_EQ(watch->lrs, (std::vector<double>{0, 0, 0.025, 0.05, 0.1}));
    for (const auto& p : net.parameters()) EXPECT_TRUE(p.requires_grad());
  }
}

TEST(BackboneFinetuning, GrowsAsItIsTold) {
  Net net;
  std::vector<int64_t> asked;
  const auto watch = watch_of(net,
                              {.unfreeze_backbone_at_epoch = 1,
                               .lambda_func =
                                   [&](int64_t epoch) {
                                     asked.push_back(epoch);
                                     return 4.0;
                                   },
                               .backbone_initial_lr = 0.125,
                               .should_align = false},
                              4);
  EXPECT_EQ(watch->lrs, (std::vector<double>{0, 0.125, 0.5, 2}));
  EXPECT_EQ(asked, (std::vector<int64_t>{3, 4})) << "counted from 1";
}

TEST(BackboneFinetuning, LetsBatchNormsStandStillOnRequest) {
  Net still;
  const auto watch =
      watch_of(still, {.unfreeze_backbone_at_epoch = 2, .train_bn = false}, 4);
  EXPECT_TRUE(torch::equal(watch->running[0], torch::zeros({4})));
  EXPECT_TRUE(torch::equal(watch->running[1], torch::zeros({4})));
  EXPECT_FALSE(torch::equal(watch->running[2], torch::zeros({4})))
      << "with the backbone";
  EXPECT_TRUE(torch::equal(watch->scale[3], torch::ones({4})))
      << "no group has it";
  EXPECT_EQ(still.norm->options.momentum(), 0.1);

  Net trained;
  EXPECT_FALSE(torch::equal(
      watch_of(trained, {.unfreeze_backbone_at_epoch = 9}, 1)->running[0],
      torch::zeros({4})));
}

TEST(BackboneFinetuning, ThawsInAnotherFitThatBeginsAfterTheEpochToDoSo) {
  struct StopAfter : Callback {
    void on_train_epoch_end(Trainer& trainer, Module&) override {
      if (trainer.current_epoch() == 1) trainer.request_stop();
    }
  };
  Net net;
  const auto watch = std::make_shared<Watch>();
  TrainerOptions options = quiet({.max_epochs = 4});
  options.callbacks = {BackboneFinetuning({.unfreeze_backbone_at_epoch = 1}),
                       StopAfter(), watch};
  Trainer trainer(options);
  trainer.fit(net, line_batches(3));
  trainer.fit(net, line_batches(3));
  const double first = 0.1 * 0.1;
  EXPECT_EQ(watch->lrs, (std::vector<double>{0, first, first, 2 * first}));
  EXPECT_EQ(trainer.optimizers()[0]->param_groups()[0].options().get_lr(), 0.1);
}

TEST(BackboneFinetuning, LeavesBatchNormsWithTheirMomentum) {
  Net net;
  watch_of(net, {.unfreeze_backbone_at_epoch = 9, .train_bn = false}, 2);
  EXPECT_EQ(net.norm->options.momentum(), 0.1);
  struct Throws : Callback {
    void on_train_batch_end(Trainer&, Module&, const StepOutput&,
                            const AnyBatch&, const StepContext&) override {
      throw std::runtime_error("enough");
    }
  };
  TrainerOptions options = quiet({.max_epochs = 1});
  options.callbacks = {BackboneFinetuning({.train_bn = false}), Throws()};
  EXPECT_THROW(Trainer(options).fit(net, line_batches(3)), std::runtime_error);
  EXPECT_EQ(net.norm->options.momentum(), 0.1);
}

TEST(BackboneFinetuning, RefusesWhatDoesntFit) {
  EXPECT_THROW(BackboneFinetuning({.unfreeze_backbone_at_epoch = -1}),
               ConfigError);
  EXPECT_TRUE(has(message_of<ConfigError>([] {
                    BackboneFinetuning({.backbone_initial_ratio_lr = 0});
                  }),
                  {"backbone_initial_ratio_lr", "more than 0"}));
  EXPECT_THROW(BackboneFinetuning({.backbone_initial_lr = -1}), ConfigError);
  Net net;
  EXPECT_TRUE(has(message_of<ConfigError>(
                      [&] { watch_of(net, {.backbone = "bakcbone"}, 1); }),
                  {"bakcbone", "backbone, head", "did you mean \"backbone\""}));
  struct Two : Net {
    OptimizerConfig configure_optimizers() override {
      const auto all = head->parameters();
      auto a = std::make_shared<torch::optim::SGD>(std::vector{all[0]}, 0.5);
      auto b = std::make_shared<torch::optim::SGD>(std::vector{all[1]}, 0.5);
      return {{.optimizer = a, .name = "a"}, {.optimizer = b, .name = "b"}};
    }
  } two;
  TrainerOptions options = quiet({.max_epochs = 1});
  options.callbacks = {BackboneFinetuning()};
  EXPECT_TRUE(has(message_of<ConfigError>(
                      [&] { Trainer(options).fit(two, line_batches(1)); }),
                  {"BackboneFinetuning", "several"}));
}

// torch takes a group's rate for unset when it is its class's default.
TEST(BackboneFinetuning, GivesTorchsOptimizersAnyLearningRate) {
  Net net(/*ours=*/false);
  const auto watch = watch_of(
      net, {.unfreeze_backbone_at_epoch = 0, .backbone_initial_lr = 1e-3}, 1);
  EXPECT_EQ(watch->lrs, std::vector{1e-3});
}

TEST(BackboneFinetuning, SaysThatTorchsAdagradTakesNoGroups) {
  struct Ada : Net {
    OptimizerConfig configure_optimizers() override {
      return torch::optim::Adagrad(head->parameters());
    }
  } net;
  TrainerOptions options = quiet({.max_epochs = 1});
  options.callbacks = {BackboneFinetuning({.unfreeze_backbone_at_epoch = 0})};
  EXPECT_TRUE(has(message_of<ConfigError>(
                      [&] { Trainer(options).fit(net, line_batches(1)); }),
                  {"torch::optim::Adagrad", "bolt::optim::Adagrad"}));
}

struct Stepwise : BaseFinetuning {
  void freeze_before_training(Module& module) override {
    freeze(*module.named_children()["backbone"], false);
  }
  void finetune_function(Module& module, int64_t epoch,
                         torch::optim::Optimizer& optimizer) override {
    if (epoch == 1) {
      unfreeze_and_add_param_group(*module.named_children()["backbone"],
                                   optimizer, {.initial_denom_lr = 5});
      unfreeze_and_add_param_group(*module.named_children()["head"], optimizer);
    }
  }
  using BaseFinetuning::filter_params;
};

TEST(BaseFinetuning, AddsWhatTheOptimizerDoesntHave) {
  Net net;
  LogCapture log;
  TrainerOptions options = quiet({.max_epochs = 2});
  const auto callback = std::make_shared<Stepwise>();
  options.callbacks = {callback};
  Trainer trainer(options);
  trainer.fit(net, line_batches(1));
  auto& groups = trainer.optimizers()[0]->param_groups();
  ASSERT_EQ(groups.size(), 2);
  EXPECT_EQ(groups[1].params().size(), 4);
  EXPECT_NEAR(groups[1].options().get_lr(), 0.02, 1e-12);
  EXPECT_EQ(log.count("has some of these parameters already"), 1);
  EXPECT_EQ(Stepwise::filter_params(*net.backbone.ptr(), false).size(), 2);
  EXPECT_EQ(Stepwise::filter_params(*net.backbone.ptr(), true, false).size(),
            0);
}

TEST(BaseFinetuning, GoesOnWithItsGroupsAndWhatIsFrozen) {
  Net net;
  TrainerOptions options = quiet({.max_epochs = 2});
  const auto first = std::make_shared<Stepwise>();
  options.callbacks = {first};
  Trainer trainer(options);
  trainer.fit(net, line_batches(1));
  const State saved = first->state().clone();

  // In another process the second epoch is behind, so nothing is unfrozen.
  struct Never : Stepwise {
    void finetune_function(Module&, int64_t,
                           torch::optim::Optimizer&) override {}
  };
  const auto second = std::make_shared<Never>();
  second->load_state(saved);
  Net other;
  TrainerOptions again = quiet({.max_epochs = 1});
  again.callbacks = {second};
  Trainer resumed(again);
  resumed.fit(other, line_batches(1));
  ASSERT_EQ(resumed.optimizers()[0]->param_groups().size(), 2);
  for (const auto& p : other.parameters()) EXPECT_TRUE(p.requires_grad());
  EXPECT_EQ(second->state(), saved);
  EXPECT_EQ(other.norm->options.momentum(), 0.1);

  struct Wider : Net {
    OptimizerConfig configure_optimizers() override {
      return optim::SGD(parameters(), {.lr = 0.1});
    }
  } wider;
  second->load_state(saved);
  EXPECT_TRUE(has(message_of<CheckpointError>(
                      [&] { Trainer(again).fit(wider, line_batches(1)); }),
                  {"other parameters"}));
}

}  // namespace
}  // namespace bolt
