#include <gtest/gtest.h>
#include <torchbolt/checkpoint/checkpoint.h>

#include "support/errors.h"
#include "support/models.h"
#include "support/temp_dir.h"

namespace bolt {
namespace {

using testing::has;
using testing::Line;
using testing::line_batches;
using testing::message_of;
using testing::quiet;

at::Tensor weight_of(Module& module) {
  return module.named_parameters()["layer.weight"].detach().clone();
}

// The weight after each step, in validation, and as the epoch ends.
struct Watch : Callback {
  void on_train_batch_end(Trainer&, Module& m, const StepOutput&,
                          const AnyBatch&, const StepContext&) override {
    after_step.push_back(weight_of(m));
  }
  void on_validation_batch_start(Trainer&, Module& m, const AnyBatch&,
                                 const StepContext&) override {
    in_validation.push_back(weight_of(m));
  }
  void on_train_epoch_end(Trainer&, Module& m) override {
    at_epoch_end.push_back(weight_of(m));
  }
  std::vector<at::Tensor> after_step{}, in_validation{}, at_epoch_end{};
};

TrainerOptions with(CallbackHandle averaging, std::shared_ptr<Watch> watch,
                    int64_t epochs = 2) {
  TrainerOptions options = quiet({.max_epochs = epochs});
  options.num_sanity_val_steps = 0;
  options.callbacks = {std::move(averaging), std::move(watch)};
  return options;
}

TEST(WeightAveraging, IsTheMeanOfAllStepsAndTheModelInTheEnd) {
  const auto watch = std::make_shared<Watch>();
  Line model;
  Trainer trainer(with(std::make_shared<WeightAveraging>(), watch));
  trainer.fit(model, line_batches(3), line_batches(1));
  ASSERT_EQ(watch->after_step.size(), 6);
  const auto mean = [&](std::size_t count) {
    return torch::stack(
               std::vector<at::Tensor>(watch->after_step.begin(),
                                       watch->after_step.begin() +
                                           static_cast<std::ptrdiff_t>(count)))
        .mean(0);
  };
  ASSERT_EQ(watch->in_validation.size(), 2);
  EXPECT_TRUE(torch::allclose(watch->in_validation[0], mean(3), 1e-5, 1e-6));
  EXPECT_TRUE(torch::allclose(watch->in_validation[1], mean(6), 1e-5, 1e-6));
  EXPECT_TRUE(torch::equal(watch->at_epoch_end[0], watch->after_step[2]))
      << "training goes on from its own weights";
  EXPECT_TRUE(torch::allclose(weight_of(model), mean(6), 1e-5, 1e-6));
}

TEST(EMAWeightAveraging, FollowsItsFormulaAtTheStepsAskedFor) {
  const auto watch = std::make_shared<Watch>();
  Line model;
  Trainer trainer(with(EMAWeightAveraging({.decay = 0.75,
                                           .update_every_n_steps = 2,
                                           .update_starting_at_step = 2}),
                       watch));
  trainer.fit(model, line_batches(4), line_batches(1));
  ASSERT_EQ(watch->after_step.size(), 8);
  // Steps 2, 4 and 6; the first is a copy.
  auto ema = watch->after_step[2].clone();
  EXPECT_TRUE(torch::equal(watch->in_validation[0], ema));
  ema = 0.75 * ema + 0.25 * watch->after_step[4];
  ema = 0.75 * ema + 0.25 * watch->after_step[6];
  EXPECT_TRUE(torch::allclose(weight_of(model), ema, 1e-5, 1e-6));
  EXPECT_EQ(trainer.callback<EMAWeightAveraging>().n_averaged(), 3);
}

TEST(EMAWeightAveraging, CountsAccumulatedBatchesOnce) {
  Line model;
  TrainerOptions options =
      with(EMAWeightAveraging({.decay = 0.5}), std::make_shared<Watch>(), 1);
  options.accumulate_grad_batches = 2;
  Trainer trainer(options);
  trainer.fit(model, line_batches(4), line_batches(1));
  EXPECT_EQ(trainer.callback<EMAWeightAveraging>().n_averaged(), 2);
}

// As a run that goes on in the same process does.
TEST(WeightAveraging, AStateLoadedBetweenFitsIsThatOfTheNext) {
  const auto averaging = std::make_shared<WeightAveraging>();
  Line model;
  TrainerOptions options = quiet({.max_epochs = 1});
  options.callbacks = {averaging};
  Trainer first(options);
  first.fit(model, line_batches(3));
  State saved = averaging->state().clone();
  saved["latest_update_step"] = 0;  // the next Trainer counts from there
  averaging->load_state(saved);
  EXPECT_EQ(averaging->state(), saved);
  Trainer second(options);
  second.fit(model, line_batches(3));
  EXPECT_EQ(averaging->n_averaged(), 6);
}

// One layer under two names: its weights change places once, not twice.
TEST(EMAWeightAveraging, TiedWeightsAreOne) {
  struct Tied : Line {
    Tied() { register_module("again", layer); }
    OptimizerConfig configure_optimizers() override {
      return optim::SGD(layer->parameters(), {.lr = 0.1});
    }
  } model;
  const auto watch = std::make_shared<Watch>();
  const auto ema = std::make_shared<EMAWeightAveraging>(
      EMAWeightAveragingOptions{.decay = 0.5});
  Trainer trainer(with(ema, watch));
  trainer.fit(model, line_batches(3), line_batches(1));
  EXPECT_TRUE(torch::equal(watch->at_epoch_end[0], watch->after_step[2]))
      << "training goes on from its own weights";
  at::Tensor expected = watch->after_step[0];
  for (std::size_t k = 1; k < 6; ++k) {
    expected = 0.5 * expected + 0.5 * watch->after_step[k];
  }
  EXPECT_TRUE(torch::allclose(weight_of(model), expected, 1e-5, 1e-6));
  const State weights = ema->weights();
  EXPECT_TRUE(torch::equal(weights.at("again.weight").as_tensor(),
                           weights.at("layer.weight").as_tensor()));
  const State saved = ema->state().clone();
  EMAWeightAveraging other({.decay = 0.5});
  other.load_state(saved);
  EXPECT_EQ(other.state(), saved);
}

TEST(WeightAveraging, IsTheOnlyAverageOfAFit) {
  Line model;
  const auto refused = [&](std::vector<CallbackHandle> callbacks) {
    TrainerOptions options = quiet({.max_epochs = 2});
    options.callbacks = std::move(callbacks);
    return message_of<ConfigError>(
        [&] { Trainer(options).fit(model, line_batches(1)); });
  };
  EXPECT_TRUE(
      has(refused({EMAWeightAveraging(), std::make_shared<WeightAveraging>()}),
          {"EMAWeightAveraging", "another callback averages",
           "bolt::WeightAveraging"}));
  EXPECT_TRUE(has(refused({StochasticWeightAveraging({.swa_lrs = {0.1}}),
                           EMAWeightAveraging()}),
                  {"EMAWeightAveraging", "StochasticWeightAveraging"}));
}

struct WithBuffers : Line {
  WithBuffers() {
    sum = register_buffer("sum", torch::zeros({1}));
    count = register_buffer("count", torch::zeros({1}, torch::kLong));
  }
  StepOutput training_step(const Batch& batch, StepContext& step) override {
    sum += 8;
    count += 1;
    return Line::training_step(batch, step);
  }
  at::Tensor sum, count;
};

TEST(EMAWeightAveraging, AveragesFloatingBuffersAndCopiesCounters) {
  WithBuffers model;
  Trainer trainer(
      with(EMAWeightAveraging({.decay = 0.5}), std::make_shared<Watch>(), 1));
  trainer.fit(model, line_batches(3), line_batches(1));
  EXPECT_FLOAT_EQ(model.sum.item<float>(), 0.5F * (0.5F * (8 + 16)) + 12);
  EXPECT_EQ(model.count.item<int64_t>(), 3);

  WithBuffers own;
  Trainer without(with(EMAWeightAveraging({.decay = 0.5, .use_buffers = false}),
                       std::make_shared<Watch>(), 1));
  without.fit(own, line_batches(3), line_batches(1));
  EXPECT_FLOAT_EQ(own.sum.item<float>(), 24);
}

TEST(WeightAveraging, GivesTheWeightsBackWhenAValidationThrows) {
  struct Throws : Line {
    void validation_step(const Batch&, StepContext&) override {
      throw std::runtime_error("mine");
    }
  } model;
  const auto watch = std::make_shared<Watch>();
  Trainer trainer(with(EMAWeightAveraging({.decay = 0.9}), watch));
  EXPECT_THROW(trainer.fit(model, line_batches(3), line_batches(1)),
               std::runtime_error);
  EXPECT_TRUE(torch::equal(weight_of(model), watch->after_step[2]));
}

TEST(WeightAveraging, GoesOnFromItsState) {
  Line model;
  Trainer first(
      with(EMAWeightAveraging({.decay = 0.5}), std::make_shared<Watch>(), 1));
  first.fit(model, line_batches(3), line_batches(1));
  const State saved = first.callback<EMAWeightAveraging>().state().clone();
  EMAWeightAveraging second({.decay = 0.5});
  second.load_state(saved);
  EXPECT_EQ(second.state(), saved);

  // In a fit of the same module the average is there from the first moment.
  const auto loaded = std::make_shared<EMAWeightAveraging>(
      EMAWeightAveragingOptions{.decay = 0.5, .update_every_n_steps = 0});
  loaded->load_state(saved);
  Line other;
  Trainer trainer(with(loaded, std::make_shared<Watch>(), 1));
  trainer.fit(other, line_batches(3), line_batches(1));
  EXPECT_TRUE(torch::equal(weight_of(other), weight_of(model)));
  EXPECT_EQ(loaded->n_averaged(), 3);

  struct Wider : Line {
    Wider() { register_module("more", more); }
    torch::nn::Linear more{2, 2};
  } wider;
  loaded->load_state(
      State::map({{"n_averaged", 1},
                  {"latest_update_step", 1},
                  {"average", State::map({{"x", at::ones({1})}})}}));
  EXPECT_TRUE(has(
      message_of<CheckpointError>([&] { trainer.fit(wider, line_batches(3)); }),
      {"another module's", "1 tensors"}));
  EXPECT_THROW(EMAWeightAveraging({.decay = 1.5}), ConfigError);
  EXPECT_THROW(EMAWeightAveraging({.update_every_n_steps = -1}), ConfigError);
}

TEST(EMAWeightAveraging, CountsEpochsWhereItIsAskedTo) {
  Line model;
  Trainer trainer(with(EMAWeightAveraging({.decay = 0.5,
                                           .update_every_n_steps = 0,
                                           .update_starting_at_epoch = 1}),
                       std::make_shared<Watch>(), 3));
  trainer.fit(model, line_batches(2));
  EXPECT_EQ(trainer.callback<EMAWeightAveraging>().n_averaged(), 2);
  EXPECT_NO_THROW(EMAWeightAveraging({.decay = 1}));
  EXPECT_NO_THROW(EMAWeightAveraging({.decay = 0}));
}

TEST(WeightAveraging, BeginsAnewInAnotherFit) {
  const auto averaging = std::make_shared<WeightAveraging>();
  for (int fit = 0; fit < 2; ++fit) {
    Line model;
    const auto watch = std::make_shared<Watch>();
    Trainer(with(averaging, watch, 1)).fit(model, line_batches(3));
    EXPECT_EQ(averaging->n_averaged(), 3);
    EXPECT_TRUE(torch::allclose(weight_of(model),
                                torch::stack(watch->after_step).mean(0)));
  }
}

TEST(WeightAveraging, LeavesAValidationOfItsOwnAlone) {
  Line model;
  const auto watch = std::make_shared<Watch>();
  Trainer trainer(with(std::make_shared<WeightAveraging>(), watch, 1));
  trainer.fit(model, line_batches(3));
  {
    const torch::NoGradGuard no_grad;
    model.layer->weight.fill_(7);
  }
  trainer.validate(model, line_batches(1), {.verbose = false});
  ASSERT_EQ(watch->in_validation.size(), 1);
  EXPECT_EQ(watch->in_validation[0].item<float>(), 7);
  EXPECT_EQ(model.layer->weight.item<float>(), 7);
}

TEST(WeightAveraging, ItsStateIsTheAverageInAValidationToo) {
  Line model;
  const auto averaging = std::make_shared<WeightAveraging>();
  const auto watch = std::make_shared<Watch>();
  TrainerOptions options = with(averaging, watch, 1);
  State state;
  options.callbacks.push_back(
      LambdaCallback({.on_validation_batch_start = [&](auto&&...) {
        state = averaging->state().clone();
      }}));
  Trainer(options).fit(model, line_batches(3), line_batches(1));
  EXPECT_TRUE(torch::equal(state.at("average").at("layer.weight").as_tensor(),
                           watch->in_validation.at(0)));
}

TEST(WeightAveraging, TakesEachStepOnceOverASavedState) {
  Line model;
  State saved = State::map(
      {{"n_averaged", 3},
       {"latest_update_step", 2},
       {"average", State::map({{"layer.weight", at::full({1, 1}, 5.0)},
                               {"layer.bias", at::full({1}, 5.0)}})}});
  const auto averaging = std::make_shared<WeightAveraging>();
  averaging->load_state(saved);
  saved.at("average").at("layer.weight").as_tensor().fill_(1000);
  const auto watch = std::make_shared<Watch>();
  Trainer(with(averaging, watch, 1)).fit(model, line_batches(4));
  // Steps 1 and 2 are in it already.
  EXPECT_EQ(averaging->n_averaged(), 5);
  const auto mean = (3 * 5 + watch->after_step[2] + watch->after_step[3]) / 5;
  EXPECT_TRUE(torch::allclose(weight_of(model), mean, 1e-5, 1e-6));

  saved["average"]["layer.bias"] = at::zeros({2});
  const auto other = std::make_shared<WeightAveraging>();
  other->load_state(saved);
  EXPECT_TRUE(has(message_of<CheckpointError>([&] {
                    Line again;
                    Trainer(with(other, watch, 1)).fit(again, line_batches(1));
                  }),
                  {"layer.bias", "another shape"}));
}

// Lightning's layout: who takes the weights alone, has the average.
TEST(WeightAveraging, ItsCheckpointsHaveTheAverageAndTheWeightsOfTraining) {
  const testing::TempDir dir;
  const auto watch = std::make_shared<Watch>();
  const auto options = [&](int64_t epochs) {
    TrainerOptions all =
        with(std::make_shared<WeightAveraging>(), watch, epochs);
    all.callbacks.push_back(ModelCheckpoint(
        {.dirpath = dir.path(), .save_top_k = -1, .every_n_train_steps = 2}));
    all.enable_checkpointing = true;
    return all;
  };
  Line model;
  Trainer(options(2)).fit(model, line_batches(3), line_batches(1));
  const at::Tensor straight = weight_of(model);

  const std::string file = dir.path() / "epoch=0-step=2.ckpt";
  const State saved = read_checkpoint(file);
  const auto mean =
      torch::stack({watch->after_step[0], watch->after_step[1]}).mean(0);
  const auto weight = [&](const char* which) {
    return saved.at(which).at("layer.weight").as_tensor();
  };
  EXPECT_TRUE(torch::allclose(weight("state_dict"), mean, 1e-5, 1e-6));
  EXPECT_TRUE(
      torch::equal(weight("current_model_state"), watch->after_step[1]));
  EXPECT_EQ(saved.at("averaging_state").at("n_averaged").as_double(), 2);
  Line evaluated;
  Trainer(options(2))
      .validate(evaluated, line_batches(1),
                {.ckpt_path = file, .verbose = false});
  EXPECT_TRUE(torch::equal(weight_of(evaluated), weight("state_dict")));

  Line again;
  Trainer(options(2))
      .fit(again, line_batches(3), line_batches(1), {.ckpt_path = file});
  EXPECT_TRUE(torch::equal(weight_of(again), straight));

  // A file without an average: it begins with the file's weights.
  const auto plain = dir.path() / "plain.ckpt";
  TrainerOptions none = quiet({.max_epochs = 1});
  Trainer first(none);
  Line other;
  first.fit(other, line_batches(3), line_batches(1));
  first.save_checkpoint(plain);
  watch->after_step.clear();
  Trainer(options(2))
      .fit(again, line_batches(3), line_batches(1),
           {.ckpt_path = plain.string()});
  EXPECT_TRUE(torch::allclose(
      weight_of(again), torch::stack(watch->after_step).mean(0), 1e-5, 1e-6));
}

}  // namespace
}  // namespace bolt
