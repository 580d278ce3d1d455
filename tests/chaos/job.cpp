// A short fit that can be killed at any moment and started again: each start
// goes on from the newest checkpoint. chaos.py does both.
//
//   chaos_job FOLDER [--async]
//
// Ends by writing FOLDER/end.ckpt.

#include <torch/torch.h>
#include <torchbolt/torchbolt.h>

#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>
#include <string_view>

namespace {

struct Model : bolt::LightningModule<> {
  Model() { register_module("net", net); }

  bolt::StepOutput training_step(const Batch& batch,
                                 bolt::StepContext&) override {
    auto loss =
        torch::cross_entropy_loss(net->forward(batch.data), batch.target);
    log("loss", loss, {.on_step = true, .on_epoch = true});
    return loss;
  }
  void validation_step(const Batch& batch, bolt::StepContext&) override {
    log("val_loss",
        torch::cross_entropy_loss(net->forward(batch.data), batch.target));
  }
  bolt::OptimizerConfig configure_optimizers() override {
    return bolt::optim::AdamW(parameters(), {.lr = 0.02});
  }

  torch::nn::Sequential net{torch::nn::Linear(16, 32), torch::nn::ReLU(),
                            torch::nn::Dropout(0.25), torch::nn::Linear(32, 3)};
};

void run(const std::filesystem::path& folder, bool async) {
  torch::set_num_threads(1);
  bolt::seed_everything(7);
  bolt::TensorDataset data(torch::rand({120, 16}),
                           torch::randint(3, {120}, torch::kLong));
  Model model;
  bolt::DataLoader train(data,
                         {.batch_size = 8, .shuffle = true, .num_workers = 2});
  bolt::DataLoader val(data, {.batch_size = 60});
  bolt::TrainerOptions options{
      .max_epochs = 4,
      .val_check_interval = 5,
      .accumulate_grad_batches = 2,
      .callbacks = {bolt::EMAWeightAveraging({.decay = 0.9}),
                    bolt::ModelCheckpoint({.dirpath = folder / "best",
                                           .monitor = "val_loss",
                                           .save_top_k = 2,
                                           .enable_version_counter = false}),
                    bolt::ModelCheckpoint({.dirpath = folder / "steps",
                                           .save_last = true,
                                           .save_top_k = 1,
                                           .every_n_train_steps = 1,
                                           .enable_version_counter = false})},
      .logger =
          {bolt::CSVLogger({.save_dir = folder, .name = "csv", .version = 0}),
           bolt::TensorBoardLogger(
               {.save_dir = folder, .name = "tensorboard", .version = 0}),
           bolt::JSONLLogger(
               {.save_dir = folder, .name = "jsonl", .version = 0}),
           bolt::MLflowLogger(
               {.experiment_name = "mlflow", .save_dir = folder, .version = 0}),
           bolt::WandbLogger({.save_dir = folder / "wandb" / "version_0",
                              .id = "chaos",
                              .offline = true})},
      .log_every_n_steps = 1,
      .enable_progress_bar = false,
      .enable_model_summary = false};
  if (async) {
    options.plugins = {std::make_shared<bolt::AsyncCheckpointIO>()};
  }
  bolt::Trainer trainer(std::move(options));
  trainer.fit(model, train, val, {.ckpt_path = "last"});
  trainer.save_checkpoint(folder / "end.ckpt", /*weights_only=*/true);
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 2) {
    std::fprintf(stderr, "usage: chaos_job FOLDER [--async]\n");
    return 2;
  }
  run(argv[1], argc > 2 && std::string_view(argv[2]) == "--async");
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return 1;
}
