// A training with every logger at once, for check_secrets.py: its secrets come
// from the environment and from files in HOME.
//
//   secrets_run FOLDER [ARGUMENT...]   looks at no other argument

#include <torch/torch.h>
#include <torchbolt/torchbolt.h>

#include <cstdio>
#include <exception>
#include <filesystem>

#include "support/models.h"

namespace {

using bolt::testing::Line;
using bolt::testing::line_batches;

// Logs one of everything.
struct Model : Line {
  Model() { save_hyperparameters({{"lr", 0.1}}); }
  void on_train_epoch_end() override {
    Line::on_train_epoch_end();
    log_image("ramp", torch::linspace(0, 1, 64).reshape({8, 8}));
    log_text("words", "**bold**");
    log_table("scores",
              bolt::Table({{.name = "n", .values = torch::arange(2)}}));
    log_histogram("weights", layer->weight);
  }
};

void train(const std::filesystem::path& folder) {
  bolt::TrainerOptions options{
      .max_epochs = 2,
      .callbacks = {bolt::ModelCheckpoint({.monitor = "val_loss"})},
      .logger = {
          bolt::TensorBoardLogger(), bolt::CSVLogger(), bolt::JSONLLogger(),
          bolt::MLflowLogger({.log_model = true,
                              .finalize_timeout = std::chrono::seconds(10)}),
          bolt::WandbLogger({.log_model = true})}};
  options.default_root_dir = folder;
  options.log_every_n_steps = 1;
  Model model;
  bolt::Trainer(std::move(options))
      .fit(model, line_batches(4), line_batches(1));
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc > 1) train(argv[1]);
} catch (const std::exception& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return 1;
}
