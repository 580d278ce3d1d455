// A callback with state: watches the norm of the gradients, logs it, and
// remembers the largest one and the step it came at.
//
//   build/dev/bin/custom_callback
//
// Prints a line for each epoch, and at the end
//
//   largest gradient norm 24.6 at step 8 of 60
//   read back from its state: 24.6 at step 8

#include <torch/torch.h>
#include <torchbolt/torchbolt.h>

#include <cstdio>
#include <string>

namespace nn = torch::nn;
namespace F = torch::nn::functional;

class GradientNorm final : public bolt::Callback {
 public:
  // Gradients are whole here, and not clipped yet.
  void on_before_optimizer_step(bolt::Trainer& trainer, bolt::Module&,
                                torch::optim::Optimizer& optimizer) override {
    auto squares = torch::zeros({});
    for (const auto& gradient : bolt::optim::gradients(optimizer)) {
      squares += gradient.square().sum();
    }
    // On a GPU this waits for the device, in every step. A callback that wants
    // to be cheap there keeps the tensor and reads it once an epoch.
    const double norm = squares.sqrt().item<double>();
    log("grad_norm", norm, {.on_epoch = true});
    if (norm > largest_) {
      largest_ = norm;
      at_step_ = trainer.global_step();
    }
  }

  // `monitors()` is true, so this runs after the module's own hook of that name
  // and sees what that hook logged.
  void on_train_epoch_end(bolt::Trainer& trainer, bolt::Module&) override {
    const auto metrics = trainer.callback_metrics();
    char line[100];
    std::snprintf(line, sizeof line, "epoch %d: mean norm %.2f, score %.3f",
                  static_cast<int>(trainer.current_epoch()),
                  metrics.at("grad_norm_epoch"), metrics.at("score"));
    trainer.print(line);
  }
  bool monitors() const override { return true; }
  // Among callbacks the list's order counts, but tuners come first and
  // checkpoints last, so that what they save is what the others left.
  bolt::CallbackOrder order() const override {
    return bolt::CallbackOrder::kOrdinary;  // the default
  }

  // What a checkpoint keeps. All that the callback must know after a resumed
  // run belongs here.
  bolt::State state() const override {
    return bolt::State::map({{"largest", largest_}, {"at_step", at_step_}});
  }
  void load_state(const bolt::State& state) override {
    largest_ = state.at("largest").as_double();
    at_step_ = state.at("at_step").as_int();
  }
  std::string state_key() const override { return "GradientNorm"; }

  double largest() const { return largest_; }
  int64_t at_step() const { return at_step_; }

 private:
  double largest_ = 0;
  int64_t at_step_ = -1;
};

struct Regression : bolt::LightningModule<> {
  Regression() { register_module("net", net); }

  bolt::StepOutput training_step(const Batch& batch,
                                 bolt::StepContext&) override {
    auto loss = F::mse_loss(net->forward(batch.data), batch.target);
    log("train/loss", loss, {.on_epoch = true});
    return loss;
  }
  void on_train_epoch_end() override {
    const double loss = trainer().callback_metrics().at("train/loss_epoch");
    log("score", 1 / (1 + loss));
  }
  bolt::OptimizerConfig configure_optimizers() override {
    return torch::optim::SGD(parameters(), 0.02);
  }

  nn::Sequential net{nn::Linear(4, 16), nn::Tanh(), nn::Linear(16, 1)};
};

int main() {
  torch::manual_seed(1);
  auto x = torch::randn({320, 4});
  auto y = 3 * x.sum(1, true) + 0.1 * torch::randn({320, 1});
  bolt::DataLoader train(bolt::TensorDataset(x, y),
                         {.batch_size = 16, .shuffle = true});
  Regression model;
  bolt::Trainer trainer({
      .max_epochs = 3,
      .accelerator = bolt::Accelerator::kCPU,
      .callbacks = {GradientNorm()},  // this Trainer's own copy
      .logger = false,
      .enable_checkpointing = false,
  });
  trainer.fit(model, train);

  const auto& watch = trainer.callback<GradientNorm>();
  std::printf("largest gradient norm %.1f at step %d of %d\n", watch.largest(),
              static_cast<int>(watch.at_step()),
              static_cast<int>(trainer.global_step()));
  GradientNorm restored;
  restored.load_state(watch.state());
  std::printf("read back from its state: %.1f at step %d\n", restored.largest(),
              static_cast<int>(restored.at_step()));
}
