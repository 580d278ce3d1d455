// Fits a line through points of y = 2x + 1 and prints the loss, which ends near
// 0.

#include <torch/torch.h>
#include <torchbolt/torchbolt.h>

#include <cstdio>

struct Line : bolt::LightningModule<> {
  Line() { register_module("linear", linear); }

  bolt::StepOutput training_step(const Batch& batch,
                                 bolt::StepContext&) override {
    auto loss = torch::mse_loss(linear->forward(batch.data), batch.target);
    log("loss", loss, {.on_epoch = true});
    return loss;
  }
  bolt::OptimizerConfig configure_optimizers() override {
    return torch::optim::SGD(parameters(), 0.1);
  }

  torch::nn::Linear linear{1, 1};
};

int main() {
  bolt::seed_everything(42);
  auto x = torch::linspace(-1, 1, 64).unsqueeze(1);
  bolt::DataLoader points(bolt::TensorDataset(x, 2 * x + 1),
                          {.batch_size = 16, .shuffle = true});
  Line line;
  bolt::Trainer trainer(
      {.max_epochs = 20, .logger = false, .enable_progress_bar = false});
  trainer.fit(line, points);
  std::printf("loss %.6f\n", trainer.callback_metrics().at("loss_epoch"));
}
