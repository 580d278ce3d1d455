#pragma once

#include <torch/torch.h>
#include <torchbolt/torchbolt.h>

#include <filesystem>
#include <memory>
#include <string>

#include "support/models.h"

namespace bolt::testing {

namespace fs = std::filesystem;

/// Has a bit of all that a checkpoint keeps.
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
inline void fit_small(Small& model, const fs::path& folder,
                      const std::shared_ptr<Memory>& memory) {
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

}  // namespace bolt::testing
