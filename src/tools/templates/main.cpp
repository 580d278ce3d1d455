// Learns which of three spirals a point of the plane belongs to.

#include <torch/torch.h>
#include <torchbolt/torchbolt.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

namespace nn = torch::nn;
namespace F = torch::nn::functional;

constexpr int64_t kClasses = 3;

// The model, its loss and its optimizer. What is around them is the Trainer's.
struct Classifier : bolt::LightningModule<> {
  explicit Classifier(double lr) : lr(lr) {
    register_module("net", net);
    register_metric("accuracy", accuracy);
    save_hyperparameters({{"lr", lr}});
  }

  bolt::StepOutput training_step(const Batch& batch,
                                 bolt::StepContext&) override {
    auto loss = F::cross_entropy(net->forward(batch.data), batch.target);
    log("train/loss", loss, {.prog_bar = true});
    return loss;
  }
  void validation_step(const Batch& batch, bolt::StepContext&) override {
    evaluate("val", batch);
  }
  void test_step(const Batch& batch, bolt::StepContext&) override {
    evaluate("test", batch);
  }
  bolt::OptimizerConfig configure_optimizers() override {
    return torch::optim::AdamW(parameters(), lr);
  }

  void evaluate(const std::string& stage, const Batch& batch) {
    auto logits = net->forward(batch.data);
    log(stage + "/loss", F::cross_entropy(logits, batch.target));
    accuracy.update(logits, batch.target);
    log(stage + "/acc", accuracy, {.prog_bar = true});
  }

  double lr;
  nn::Sequential net{nn::Linear(2, 64), nn::ReLU(), nn::Linear(64, 64),
                     nn::ReLU(), nn::Linear(64, kClasses)};
  bolt::metrics::Accuracy accuracy{{.num_classes = kClasses}};
};

// Points [count, 2] on three spiral arms, with a little noise, and their arms.
bolt::TensorDataset spirals(int64_t count) {
  auto arm = torch::randint(kClasses, {count});
  auto radius = torch::rand({count});
  auto angle =
      radius * 4 + arm * (2 * M_PI / kClasses) + torch::randn({count}) * 0.1;
  auto points = torch::stack({radius * angle.cos(), radius * angle.sin()}, 1);
  return {points, arm};
}

void run() {
  bolt::seed_everything(42);
  bolt::DataLoader train(spirals(6'000), {.batch_size = 64, .shuffle = true});
  bolt::DataLoader val(spirals(1'000), {.batch_size = 500});
  bolt::DataLoader test(spirals(1'000), {.batch_size = 500});

  Classifier model(3e-3);
  bolt::Trainer trainer({
      .max_epochs = 10,
      .callbacks = {bolt::EarlyStopping({.monitor = "val/loss"})},
  });
  trainer.fit(model, train, val);
  trainer.test(model, test);
  std::printf("\nlog  %s\n", trainer.log_dir().c_str());
}

int main() try {
  run();
  return EXIT_SUCCESS;
} catch (const bolt::Interrupted& interrupted) {
  std::fprintf(stderr, "%s\n", interrupted.what());
  return interrupted.exit_code();
} catch (const std::exception& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return EXIT_FAILURE;
}
