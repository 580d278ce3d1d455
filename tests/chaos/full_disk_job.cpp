// Trains with all loggers that write files, in a folder that has no room for
// what they log, and ends as if it had. full_disk.py runs it.
//
//   full_disk_job FOLDER

#include <torch/torch.h>
#include <torchbolt/torchbolt.h>

#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

namespace {

struct Model : bolt::LightningModule<> {
  torch::nn::Linear layer{4, 2};
  Model() {
    register_module("layer", layer);
    save_hyperparameters({{"lr", 0.1}});
  }
  bolt::StepOutput training_step(const Batch& batch,
                                 bolt::StepContext& context) override {
    auto loss = torch::nn::functional::cross_entropy(layer->forward(batch.data),
                                                     batch.target);
    log("loss", 0.5 * static_cast<double>(context.batch_idx));
    for (int k = 0; k < 50; ++k) log("metric" + std::to_string(k), loss);
    if (context.batch_idx % 50 == 0) {
      log_image("picture", torch::rand({3, 64, 64}));
      log_histogram("weights", layer->weight);
      log_text("text", std::string(1000, 'x'));
    }
    return loss;
  }
  bolt::OptimizerConfig configure_optimizers() override {
    return bolt::optim::SGD(parameters(), {.lr = 0.1});
  }
};

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::fprintf(stderr, "usage: full_disk_job FOLDER\n");
    return 2;
  }
  const std::filesystem::path folder = argv[1];
  Model model;
  const bolt::TensorDataset data(torch::rand({8'000, 4}),
                                 torch::randint(2, {8'000}));
  bolt::DataLoader loader(data, {.batch_size = 4});
  bolt::Trainer trainer(
      {.max_epochs = 1,
       .logger = {bolt::TensorBoardLogger(
                      {.save_dir = folder, .name = "tensorboard"}),
                  bolt::CSVLogger({.save_dir = folder, .name = "csv"}),
                  bolt::JSONLLogger({.save_dir = folder, .name = "jsonl"}),
                  bolt::WandbLogger({.save_dir = folder / "wandb" / "version_0",
                                     .offline = true})},
       .log_every_n_steps = 1,
       .enable_checkpointing = false,
       .enable_progress_bar = false,
       .default_root_dir = folder});
  trainer.fit(model, loader);
  std::printf("%lld steps\n", static_cast<long long>(trainer.global_step()));
} catch (const std::exception& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return 1;
}
