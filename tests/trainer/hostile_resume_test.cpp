#include <gtest/gtest.h>
#include <torch/torch.h>
#include <torchbolt/torchbolt.h>

#include <exception>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "support/models.h"
#include "support/temp_dir.h"

// A file that is whole, and whose content isn't what it should be: an error
// that names the file, or a run.

namespace bolt::testing {
namespace {

namespace fs = std::filesystem;

struct Small : LightningModule<> {
  Small() {
    register_module("layer", layer);
    register_metric("mean", mean);
  }
  StepOutput training_step(const Batch& batch, StepContext&) override {
    auto loss = torch::mse_loss(layer->forward(batch.data), batch.target);
    mean.update(loss);
    log("loss", loss, {.on_step = true, .on_epoch = true});
    log("mean", mean);
    return loss;
  }
  void validation_step(const Batch& batch, StepContext&) override {
    log("val_loss", torch::mse_loss(layer->forward(batch.data), batch.target));
  }
  OptimizerConfig configure_optimizers() override {
    auto optimizer = std::make_shared<optim::AdamW>(
        parameters(), optim::AdamWOptions{.lr = 0.02});
    return {{.optimizer = optimizer,
             .lr_schedulers = {{.scheduler = optim::ReduceLROnPlateau(
                                    optimizer, {.patience = 0}),
                                .monitor = "val_loss"}}}};
  }
  torch::nn::Linear layer{1, 1};
  metrics::Mean mean{};
};

/// One file, in memory.
struct Memory final : CheckpointIO {
  void save_checkpoint(const State& state, const fs::path&) override {
    saved = state.clone();
  }
  State load_checkpoint(const fs::path&) override { return saved.clone(); }
  void remove_checkpoint(const fs::path&) override {}
  State saved{};
};

/// Goes on from what the memory holds; where it holds nothing, saves there in
/// the middle of an epoch.
void fit(const fs::path& folder, const std::shared_ptr<Memory>& memory) {
  Small model;
  const bool saves = memory->saved.is_none();
  struct Saves : Callback {
    explicit Saves(bool saves) : on(saves) {}
    void on_train_batch_end(Trainer& trainer, Module&, const StepOutput&,
                            const AnyBatch&, const StepContext&) override {
      if (on && trainer.global_step() == 2) {
        trainer.save_checkpoint_after_hook(*this, "file.ckpt");
      }
    }
    bool on;
  };
  const auto x = torch::arange(6).to(torch::kFloat).unsqueeze(1) / 6;
  DataLoader train(TensorDataset(x, 2 * x + 1),
                   {.batch_size = 1, .shuffle = true});
  DataLoader val(TensorDataset(x, 2 * x + 1), {.batch_size = 3});
  Trainer trainer(quiet(
      {.max_epochs = 2,
       .max_steps = 6,
       .val_check_interval = 2,
       .accumulate_grad_batches = 2,
       .callbacks = {EMAWeightAveraging({.decay = 0.9}),
                     EarlyStopping({.monitor = "val_loss", .patience = 9}),
                     ModelCheckpoint({.dirpath = folder / "files",
                                      .monitor = "val_loss",
                                      .save_top_k = 0}),
                     Saves(saves)},
       .logger = {CSVLogger({.save_dir = folder, .version = 0})},
       .log_every_n_steps = 1,
       .enable_checkpointing = true,
       .plugins = {memory}}));
  FitOptions options;
  if (!saves) options.ckpt_path = "file.ckpt";
  trainer.fit(model, train, val, options);
}

std::string key_text(const State::Key& key) {
  if (const auto* text = std::get_if<std::string>(&key)) return *text;
  return std::to_string(std::get<int64_t>(key));
}

/// Calls with the name of each node of a tree, and a tree with that node
/// replaced.
void replace_each(
    const State& node, const std::string& name, const State& value,
    const std::function<State(const State&)>& in,
    const std::function<void(const std::string&, const State&)>& call) {
  call(name, in(value));
  if (node.is_map()) {
    for (const auto& [key, child] : node.entries()) {
      replace_each(
          child, name + "/" + key_text(key), value,
          [&, at = key](const State& put) {
            State copy = node;
            copy.set(at, put);
            return in(copy);
          },
          call);
    }
  }
  if (node.is_list() || node.is_tuple()) {
    for (std::size_t k = 0; k < node.size(); ++k) {
      replace_each(
          node.items()[k], name + "/" + std::to_string(k), value,
          [&, k](const State& put) {
            State copy = node;
            copy.items()[k] = put;
            return in(copy);
          },
          call);
    }
  }
}

TEST(HostileResume, GivesAnErrorOfOursOrARun) {
  const TempDir dir;
  const auto memory = std::make_shared<Memory>();
  fit(dir.path() / "first", memory);
  const State tree = memory->saved;
  int refused = 0, ran = 0;
  for (const State& value :
       {State(), State("text"), State(-1),
        State(std::numeric_limits<double>::quiet_NaN()), State::list(),
        State::map({{"x", 1}}), State(torch::ones({3, 2}))}) {
    replace_each(
        tree, "", value, [](const State& whole_tree) { return whole_tree; },
        [&](const std::string& name, const State& changed) {
          memory->saved = changed;
          try {
            fit(dir.path() / "again", memory);
            ++ran;
          } catch (const ConfigError&) {
            ++refused;  // a value that doesn't fit what the module logs
          } catch (const Error& error) {
            ++refused;
            const std::string message = error.what();
            // The averages are looked at when the weights are known.
            EXPECT_TRUE(message.find("file.ckpt") != std::string::npos ||
                        message.find("WeightAveraging") != std::string::npos)
                << name << " = " << value.to_string() << ": " << message;
          } catch (const std::exception& error) {
            ADD_FAILURE() << name << " = " << value.to_string() << ": "
                          << error.what();
          }
        });
  }
  EXPECT_GT(refused, 500);
  EXPECT_GT(ran, 100);
}

}  // namespace
}  // namespace bolt::testing
