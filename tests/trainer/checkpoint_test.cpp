#include <gtest/gtest.h>
#include <torch/torch.h>
#include <torchbolt/checkpoint/checkpoint.h>
#include <torchbolt/core/files.h>
#include <torchbolt/torchbolt.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/errors.h"
#include "support/log_capture.h"
#include "support/models.h"
#include "support/state_diff.h"
#include "support/temp_dir.h"
#include "support/write_file.h"

// Which files there are when, and which of them a run goes on from.

namespace bolt::testing {
namespace {

namespace fs = std::filesystem;

struct Crash : std::runtime_error {
  Crash() : std::runtime_error("crash") {}
};

TrainerOptions with(std::vector<CallbackHandle> callbacks,
                    TrainerOptions options = {.max_epochs = 2}) {
  options.callbacks = std::move(callbacks);
  options.enable_checkpointing = true;
  return quiet(std::move(options));
}

using Names = std::vector<std::string>;

TEST(Checkpoints, OfAnExceptionHoldTheRunAsItWas) {
  const TempDir dir;
  Line line;
  int steps = 0;
  line.on_hook = [&](const std::string& hook) {
    if (hook == "training_step" && ++steps == 3) throw Crash();
  };
  Trainer trainer(with(
      {ModelCheckpoint({.dirpath = dir.path(), .save_on_exception = true})}));
  EXPECT_THROW(trainer.fit(line, line_batches(5)), Crash);
  EXPECT_EQ(names_in(dir.path()), Names{"epoch=0-step=2.ckpt"});
}

TEST(Checkpoints, OfAnEarlierRunAreNotARescue) {
  const TempDir dir;
  Line first;
  Trainer(with({ModelCheckpoint({.dirpath = dir.path() / "old"})}))
      .fit(first, line_batches(2));
  Line second;
  Trainer trainer(
      with({ModelCheckpoint({.dirpath = dir.path() / "old"}),
            OnExceptionCheckpoint({.dirpath = dir.path() / "rescue"})}));
  trainer.fit(second, line_batches(2));
  EXPECT_EQ(trainer.global_step(), 4);  // from the beginning
}

TEST(Checkpoints, AreNotSavedByAnExceptionBeforeItsRunHasTrained) {
  const TempDir dir;
  Line line;
  Trainer trainer(with({ModelCheckpoint(
      {.dirpath = dir.path(), .save_top_k = 0, .save_on_exception = true})}));
  trainer.fit(line, line_batches(2));
  line.on_hook = [](const std::string& hook) {
    if (hook == "prepare_data") throw Crash();
  };
  EXPECT_THROW(trainer.fit(line, line_batches(2)), Crash);
  EXPECT_TRUE(fs::is_empty(dir.path()));
}

TEST(Checkpoints, OfARescueStayUntilAFitEndsWell) {
  const TempDir dir;
  const fs::path file = dir.path() / "on_exception.ckpt";
  const auto options = [&] {
    return with({OnExceptionCheckpoint({.dirpath = dir.path()})});
  };
  Line line;
  int steps = 0;
  line.on_hook = [&](const std::string& hook) {
    if (hook == "training_step" && ++steps == 3) throw Crash();
  };
  EXPECT_THROW(Trainer(options()).fit(line, line_batches(2)), Crash);
  const std::string saved = read_file(file);

  Trainer trainer(options());
  trainer.test(line, line_batches(2), {.verbose = false});
  // Before its training begins, there is nothing new to save.
  line.on_hook = [](const std::string& hook) {
    if (hook == "on_fit_start") throw Crash();
  };
  EXPECT_THROW(trainer.fit(line, line_batches(2)), Crash);
  EXPECT_EQ(read_file(file), saved);

  line.on_hook = {};
  trainer.fit(line, line_batches(2));
  EXPECT_EQ(trainer.global_step(), 4);
  EXPECT_FALSE(fs::exists(file));
}

TEST(Checkpoints, CalledLastAreReadInTheOrderOfTheirAge) {
  const TempDir dir;
  const auto options = [&](int64_t epochs) {
    return with(
        {ModelCheckpoint(
            {.dirpath = dir.path(), .save_last = true, .save_top_k = -1})},
        {.max_epochs = epochs});
  };
  Line line;
  Trainer(options(2)).fit(line, line_batches(2));
  // What a full disk or a bad cable leaves.
  const std::string whole = read_file(dir.path() / "last.ckpt");
  write_file(dir.path() / "last.ckpt", whole.substr(0, whole.size() / 2));
  Trainer trainer(options(3));
  trainer.fit(line, line_batches(2), {}, {.ckpt_path = "last"});
  EXPECT_EQ(trainer.global_step(), 6);
  EXPECT_EQ(trainer.ckpt_path(), std::nullopt);  // the run is over
  EXPECT_TRUE(fs::exists(dir.path() / "epoch=2-step=6.ckpt"));
}

TEST(Checkpoints, InFoldersOfTheirNamesAreFoundWhenTheLastIsDamaged) {
  const TempDir dir;
  const auto options = [&](int64_t epochs) {
    return with({ModelCheckpoint({.dirpath = dir.path() / "\xe9",
                                  .filename = "of/{epoch}",
                                  .save_last = true,
                                  .save_top_k = -1})},
                {.max_epochs = epochs});
  };
  Line line;
  Trainer(options(2)).fit(line, line_batches(2));
  write_file(dir.path() / "\xe9" / "last.ckpt", "damaged");
  Trainer trainer(options(3));
  trainer.fit(line, line_batches(2), {}, {.ckpt_path = "last"});
  EXPECT_EQ(trainer.global_step(), 6);
  EXPECT_EQ(names_in(dir.path() / "\xe9" / "of"),
            (Names{"epoch=0.ckpt", "epoch=1.ckpt", "epoch=2.ckpt"}));
}

TEST(Checkpoints, ThatAreNotThereAreNamed) {
  const TempDir dir;
  Line line;
  Trainer trainer(with({ModelCheckpoint({.dirpath = dir.path()})}));
  const auto fit = [&](const std::string& path) {
    return message_of<Error>(
        [&] { trainer.fit(line, line_batches(2), {}, {.ckpt_path = path}); });
  };
  EXPECT_TRUE(has(fit(dir.path() / "no.ckpt"), {"no.ckpt"}));
  EXPECT_TRUE(has(fit("best"), {"no checkpoint has been written yet"}));
  EXPECT_TRUE(has(fit(""), {"ckpt_path", "empty"}));
  trainer.fit(line, line_batches(2), {}, {.ckpt_path = "last"});
  EXPECT_EQ(trainer.global_step(), 4);
}

TEST(Checkpoints, TheBestIsThatOfTheFirstWhoWritesThem) {
  const TempDir dir;
  Line line;
  Trainer trainer(with(
      {ModelCheckpoint({.dirpath = dir.path(), .save_top_k = 0}),
       ModelCheckpoint({.dirpath = dir.path(), .every_n_train_steps = 1})}));
  trainer.fit(line, line_batches(2), line_batches(1));
  EXPECT_TRUE(has(message_of<ConfigError>([&] {
                    trainer.validate(line, line_batches(1),
                                     {.ckpt_path = "best"});
                  }),
                  {"the first callback that writes checkpoints has no best"}));
}

// A run may be killed between its last file and its end.
TEST(Checkpoints, OfTheLastEpochGiveTheModelThatTheFitLeft) {
  using Make = std::function<CallbackHandle()>;
  const std::vector<Make> averages{
      [] { return std::make_shared<WeightAveraging>(); },
      [] {
        return StochasticWeightAveraging(
            {.swa_lrs = {0.05}, .swa_epoch_start = 1});
      }};
  for (const Make& average : averages) {
    const TempDir dir;
    const auto fit = [&](FitOptions options) {
      Line line;
      std::vector<std::string> hooks;
      line.on_hook = [&](const std::string& hook) { hooks.push_back(hook); };
      torch::nn::init::constant_(line.layer->weight, 0.25);
      torch::nn::init::constant_(line.layer->bias, -0.5);
      Trainer trainer(
          with({average(), ModelCheckpoint({.dirpath = dir.path()})}));
      trainer.fit(line, line_batches(2), {}, options);
      EXPECT_EQ(trainer.global_step(), 4);
      EXPECT_EQ(trainer.current_epoch(), 2);
      // As in Lightning.
      EXPECT_EQ(std::ranges::count(hooks, "on_train_end"),
                options.ckpt_path ? 0 : 1);
      EXPECT_EQ(std::ranges::count(hooks, "on_fit_end"), 1);
      return state_dict(line).clone();
    };
    const State straight = fit({});
    const fs::path last = dir.path() / "epoch=1-step=4.ckpt";
    const State file = read_checkpoint(last);
    const State* own = file.find("current_model_state");
    EXPECT_NE(first_difference(own ? *own : file.at("state_dict"), straight),
              "");
    EXPECT_EQ(first_difference(fit({.ckpt_path = last}), straight), "");
  }
}

TEST(Checkpoints, WhosePartsAreMissingAreNamed) {
  const TempDir dir;
  Line line;
  Trainer trainer(quiet({.max_epochs = 1}));
  trainer.fit(line, line_batches(2));
  EXPECT_TRUE(has(message_of<ConfigError>([&] { trainer.save_checkpoint(""); }),
                  {"save_checkpoint", "no file's name"}));
  const fs::path file = dir.path() / "a.ckpt";
  trainer.save_checkpoint(file);
  State tree = read_checkpoint(file);
  State own = tree.at("torchbolt");
  own.erase(State::Key("loggers"));
  tree["torchbolt"] = own;
  tree["hyper_parameters"] = State::list({1});
  write_checkpoint(file, tree);
  EXPECT_TRUE(has(message_of<CheckpointError>([&] {
                    trainer.fit(line, line_batches(2), {},
                                {.ckpt_path = file.string()});
                  }),
                  {"a.ckpt", "loggers"}));
  EXPECT_TRUE(has(message_of<CheckpointError>([&] {
                    load_from_checkpoint<Line>(
                        file, {.overrides = State::map({{"lr", 1}})});
                  }),
                  {"a.ckpt", "hyper-parameters", "list"}));
}

TEST(Checkpoints, OfWeightsAloneDontTrain) {
  const TempDir dir;
  Line line;
  Trainer trainer(with(
      {ModelCheckpoint({.dirpath = dir.path(), .save_weights_only = true})}));
  trainer.fit(line, line_batches(2));
  const std::string file =
      trainer.callback<ModelCheckpoint>().best_model_path();
  EXPECT_TRUE(has(message_of<CheckpointError>([&] {
                    trainer.fit(line, line_batches(2), {}, {.ckpt_path = file});
                  }),
                  {"optimizer_states", "load_from_checkpoint"}));
  Line other;
  other.layer->weight.data().zero_();
  trainer.test(other, line_batches(2), {.ckpt_path = file, .verbose = false});
  EXPECT_TRUE(torch::equal(other.layer->weight, line.layer->weight));
}

TEST(Checkpoints, KeepTheBestAndNoNaN) {
  const TempDir dir;
  struct Scored : Line {
    std::vector<double> scores{3, 1, std::nan(""), 2, 1};
    void on_train_epoch_end() override {
      log("score", scores[static_cast<std::size_t>(current_epoch())]);
    }
  } line;
  Trainer trainer(with({ModelCheckpoint({.dirpath = dir.path(),
                                         .filename = "{epoch}-{score:.1f}",
                                         .monitor = "score",
                                         .save_top_k = 2})},
                       {.max_epochs = 5}));
  trainer.fit(line, line_batches(1));
  const auto& best = trainer.callback<ModelCheckpoint>();
  EXPECT_EQ(names_in(dir.path()),
            (Names{"epoch=1-score=1.0.ckpt", "epoch=4-score=1.0.ckpt"}));
  EXPECT_EQ(best.best_model_path().filename(), "epoch=1-score=1.0.ckpt");
  EXPECT_EQ(best.best_model_score(), 1);

  // Fewer are kept from here on.
  ModelCheckpoint one(
      {.dirpath = dir.path(), .monitor = "score", .save_top_k = 1});
  one.load_state(best.state());
  EXPECT_EQ(one.best_k_models().size(), 1u);
  EXPECT_EQ(one.kth_value(), 1);
}

TEST(Checkpoints, OutsideOfTheFolderAreLeftAlone) {
  const TempDir dir;
  const fs::path other = dir.path() / "other" / "mine.ckpt";
  fs::create_directories(other.parent_path());
  write_file(other, "mine");
  Line line;
  auto checkpoint = std::make_shared<ModelCheckpoint>(
      ModelCheckpointOptions{.dirpath = dir.path() / "ck"});
  State state = checkpoint->state();
  state["best_model_path"] =
      (dir.path() / "ck" / ".." / "other" / "mine.ckpt").string();
  checkpoint->load_state(state);
  Trainer(with({checkpoint})).fit(line, line_batches(2));
  EXPECT_TRUE(fs::exists(other));
}

TEST(Checkpoints, LinkTheLastOne) {
  const TempDir dir;
  Line line;
  Trainer(with({ModelCheckpoint(
              {.dirpath = dir.path(), .save_last = SaveLast::link()})}))
      .fit(line, line_batches(2));
  EXPECT_EQ(fs::read_symlink(dir.path() / "last.ckpt"), "epoch=1-step=4.ckpt");
}

// Looks for the link whenever a file comes or goes, and lets the training go
// ahead of one.
struct LinkWatch final : TorchCheckpointIO {
  explicit LinkWatch(fs::path link) : link(std::move(link)) {}
  void save_checkpoint(const State& state, const fs::path& path) override {
    if (state.at("global_step").as_int() == 4) goes_on.get_future().wait();
    look();
    TorchCheckpointIO::save_checkpoint(state, path);
    look();
  }
  void remove_checkpoint(const fs::path& path) override {
    TorchCheckpointIO::remove_checkpoint(path);
    look();
  }
  void look() {
    if (fs::is_symlink(link) && !fs::exists(link)) ++dangling;
  }
  fs::path link;
  std::promise<void> goes_on{};
  int dangling = 0;
};

TEST(Checkpoints, LinkedInTheBackgroundAreAlwaysThere) {
  const TempDir dir;
  Line line;
  const auto watch = std::make_shared<LinkWatch>(dir.path() / "last.ckpt");
  auto options = with(
      {ModelCheckpoint({.dirpath = dir.path(), .save_last = SaveLast::link()})},
      {.max_epochs = 3});
  options.plugins = {std::make_shared<AsyncCheckpointIO>(watch)};
  int steps = 0;
  line.on_hook = [&](const std::string& hook) {
    if (hook == "training_step" && ++steps == 5) watch->goes_on.set_value();
  };
  Trainer trainer(std::move(options));
  trainer.fit(line, line_batches(2));
  EXPECT_EQ(watch->dangling, 0);
  EXPECT_EQ(names_in(dir.path()), (Names{"epoch=2-step=6.ckpt", "last.ckpt"}));
  EXPECT_EQ(fs::read_symlink(dir.path() / "last.ckpt"), "epoch=2-step=6.ckpt");
}

// As in Lightning: they are another run's, for all that is known.
TEST(Checkpoints, LeftBehindByARunThatWentFurtherKeepTheirNames) {
  const TempDir dir;
  const auto options = [&] {
    return with({ModelCheckpoint({.dirpath = dir.path(), .save_top_k = -1})});
  };
  Line line;
  Trainer(options()).fit(line, line_batches(2));
  const std::string before = read_file(dir.path() / "epoch=1-step=4.ckpt");
  Line again;
  Trainer(options()).fit(again, line_batches(2), {},
                         {.ckpt_path = dir.path() / "epoch=0-step=2.ckpt"});
  EXPECT_EQ(names_in(dir.path()),
            (Names{"epoch=0-step=2.ckpt", "epoch=1-step=4-v1.ckpt",
                   "epoch=1-step=4.ckpt"}));
  EXPECT_EQ(read_file(dir.path() / "epoch=1-step=4.ckpt"), before);
}

TEST(Checkpoints, WrittenInTheBackgroundAreThereWhenTheFitEnds) {
  const TempDir dir;
  Line line;
  auto options = with({ModelCheckpoint({.dirpath = dir.path()})});
  options.plugins = {std::make_shared<AsyncCheckpointIO>()};
  Trainer trainer(std::move(options));
  trainer.fit(line, line_batches(2));
  ASSERT_EQ(names_in(dir.path()), Names{"epoch=1-step=4.ckpt"});
  const State state = read_checkpoint(dir.path() / "epoch=1-step=4.ckpt");
  EXPECT_EQ(first_difference(state.at("state_dict"), state_dict(line)), "");
}

TEST(Checkpoints, KeepDoublesWhole) {
  const TempDir dir;
  Line line;
  const auto options = [&](int64_t epochs) {
    return with({ModelCheckpoint({.dirpath = dir.path(), .save_top_k = -1})},
                {.max_epochs = epochs, .precision = Precision::k64True});
  };
  Trainer(options(2)).fit(line, line_batches(3));
  Line again;
  Trainer trainer(options(2));
  trainer.fit(again, line_batches(3), {},
              {.ckpt_path = dir.path() / "epoch=0-step=3.ckpt"});
  EXPECT_TRUE(torch::equal(again.layer->weight, line.layer->weight));
  EXPECT_EQ(again.layer->weight.scalar_type(), torch::kDouble);
}

TEST(Checkpoints, HaveNamesInAnyFormatThatFitsAMetric) {
  const auto name = [](const std::string& filename, const MetricMap& metrics) {
    return ModelCheckpoint(
               {.filename = filename, .auto_insert_metric_name = false})
        .format_checkpoint_name(metrics)
        .filename()
        .string();
  };
  EXPECT_EQ(name("{v:.3}", {{"v", 0.12345}}), "0.123.ckpt");
  EXPECT_EQ(name("{v:.1%}", {{"v", 0.987}}), "98.7%.ckpt");
  EXPECT_EQ(name("{v:.3}-{v}", {}), "0-0.ckpt");  // not there
  EXPECT_EQ(name("{epoch:03d}", {{"epoch", 7}}), "007.ckpt");
  // Said now, not when the first file is written.
  for (const char* pattern : {"{v:d}", "{v:,.2f}", "{v:9.1%}", "{epoch:.3}"}) {
    EXPECT_TRUE(has(message_of<ConfigError>(
                        [&] { ModelCheckpoint({.filename = pattern}); }),
                    {"doesn't fit", pattern}))
        << pattern;
  }
}

struct Sized : LightningModule<> {
  Sized() : Sized(State::map({{"width", 3}})) {}
  explicit Sized(const State& hparams)
      : layer(1, hparams.at("width").as_int()) {
    save_hyperparameters(hparams);
    register_module("layer", layer);
  }
  StepOutput training_step(const Batch& batch, StepContext&) override {
    return layer->forward(batch.data).square().mean();
  }
  OptimizerConfig configure_optimizers() override {
    return optim::SGD(parameters(), {.lr = 0.1});
  }
  torch::nn::Linear layer;
};

TEST(LoadFromCheckpoint, MakesTheModuleFromItsHyperParameters) {
  const TempDir dir;
  Sized wide(State::map({{"width", 5}, {"note", "kept"}}));
  Trainer trainer(quiet({.max_epochs = 1}));
  trainer.fit(wide, line_batches(2));
  trainer.save_checkpoint(dir.path() / "wide.ckpt");
  const auto loaded = load_from_checkpoint<Sized>(
      dir.path() / "wide.ckpt",
      {.overrides = State::map({{"note", "changed"}})});
  EXPECT_TRUE(torch::equal(loaded->layer->weight, wide.layer->weight));
  EXPECT_EQ(loaded->hparams().at("note").as_string(), "changed");
  EXPECT_TRUE(has(message_of<CheckpointError>([&] {
                    load_from_checkpoint<Line>(dir.path() / "wide.ckpt");
                  }),
                  {"wide.ckpt", "layer.weight", "[5, 1]", "[1, 1]"}));
}

TEST(LoadFromCheckpoint, NamesWeightsThatAreMissingOrUnexpected) {
  const TempDir dir;
  const fs::path path = dir.path() / "other.ckpt";
  const State weights = State::map({{"layer.weight", torch::full({3, 1}, 2.0)},
                                    {"head.bias", torch::ones(1)}});
  write_checkpoint(path,
                   State::map({{"hyper_parameters", State::map({{"width", 3}})},
                               {"state_dict", weights}}));
  const auto error =
      message_of<CheckpointError>([&] { load_from_checkpoint<Sized>(path); });
  EXPECT_TRUE(has(error, {"other.ckpt", "missing are layer.bias",
                          "unexpected are head.bias", "strict = false"}));
  const LogCapture log;
  const auto partly = load_from_checkpoint<Sized>(path, {.strict = false});
  EXPECT_EQ(partly->layer->weight[2].item<double>(), 2);
  EXPECT_EQ(log.count("missing weights: layer.bias"), 1);
  EXPECT_EQ(log.count("unexpected weights: head.bias"), 1);
}

struct Loose : Sized {
  explicit Loose(const State& hparams) : Sized(hparams) {
    strict_loading = false;
  }
};

TEST(LoadFromCheckpoint, AsksTheModuleHowStrictItIs) {
  const TempDir dir;
  const fs::path path = dir.path() / "other.ckpt";
  write_checkpoint(
      path, State::map({{"hyper_parameters", State::map({{"width", 3}})},
                        {"state_dict", State::map({{"a", torch::ones(1)}})}}));
  EXPECT_NO_THROW(load_from_checkpoint<Loose>(path));
  EXPECT_TRUE(has(message_of<CheckpointError>([&] {
                    load_from_checkpoint<Loose>(path, {.strict = true});
                  }),
                  {"missing are"}));
}

}  // namespace
}  // namespace bolt::testing
