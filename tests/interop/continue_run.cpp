// The runs of check_resume.py in C++. Each step prints its loss.
//
//   continue_run OPTIMIZER write FILE     trains four epochs, and saves the end
//                                         of the second as FILE
//   continue_run OPTIMIZER continue FILE  goes on from FILE
//   continue_run OPTIMIZER load FILE      prints what its weights predict

#include <torch/torch.h>
#include <torchbolt/torchbolt.h>

#include <cstdio>
#include <memory>
#include <string>

namespace {

constexpr int64_t kBatches = 5;

// Numbers that both languages make alike.
torch::Tensor wave(at::IntArrayRef shape, double step) {
  const auto k = torch::arange(c10::multiply_integers(shape), torch::kDouble);
  return torch::sin(k * step).reshape(shape).to(torch::kFloat);
}

struct Net : bolt::LightningModule<> {
  explicit Net(std::string kind) : optimizer(std::move(kind)) {
    register_module("net", net);
    const torch::NoGradGuard no_grad;
    double step = 0.1;
    for (auto& parameter : net->parameters()) {
      parameter.copy_(wave(parameter.sizes(), step += 0.17));
    }
    save_hyperparameters({{"optimizer", optimizer}});
  }
  bolt::StepOutput training_step(const Batch& batch,
                                 bolt::StepContext&) override {
    auto loss = torch::mse_loss(net->forward(batch.data), batch.target);
    std::printf("%.9g\n", loss.item<double>());
    return loss;
  }
  bolt::OptimizerConfig configure_optimizers() override {
    if (optimizer == "sgd") {
      return with_schedule(std::make_shared<bolt::optim::SGD>(
          parameters(), bolt::optim::SGDOptions{
                            .lr = 0.05, .momentum = 0.9, .nesterov = true}));
    }
    if (optimizer == "adam") {
      return with_schedule(std::make_shared<bolt::optim::Adam>(
          parameters(), bolt::optim::AdamOptions{.lr = 0.02}));
    }
    if (optimizer == "torch_adamw") {
      return torch::optim::AdamW(parameters(), 0.02);
    }
    return with_schedule(std::make_shared<bolt::optim::AdamW>(
        parameters(), bolt::optim::AdamWOptions{.lr = 0.02}));
  }

  torch::nn::Sequential net{torch::nn::Linear(3, 8), torch::nn::Tanh(),
                            torch::nn::Linear(8, 1)};
  std::string optimizer;

 private:
  template <class O>
  static bolt::OptimizerConfig with_schedule(std::shared_ptr<O> made) {
    return {{.optimizer = made,
             .lr_schedulers = {
                 {.scheduler =
                      bolt::optim::StepLR(made, {.step_size = 3, .gamma = 0.7}),
                  .interval = bolt::Interval::kStep},
                 {.scheduler = bolt::optim::ExponentialLR(made, {.gamma = 0.9}),
                  .interval = bolt::Interval::kEpoch}}}};
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const std::string what = argv[2];
  Net model(argv[1]);
  bolt::DataLoader train(bolt::TensorDataset(wave({4 * kBatches, 3}, 0.3),
                                             wave({4 * kBatches, 1}, 0.7)),
                         {.batch_size = 4});
  if (what == "load") {
    bolt::load_state_dict(model,
                          bolt::read_checkpoint(argv[3]).at("state_dict"));
    const torch::NoGradGuard no_grad;
    const auto out = model.net->forward(wave({4, 3}, 0.3)).flatten();
    for (int64_t k = 0; k < 4; ++k) {
      std::printf("%.9g\n", out[k].item<double>());
    }
    return 0;
  }
  struct Saves : bolt::Callback {
    explicit Saves(std::string to) : file(std::move(to)) {}
    void on_train_epoch_end(bolt::Trainer& trainer, bolt::Module&) override {
      if (trainer.current_epoch() != 1) return;
      trainer.save_checkpoint_after_hook(*this, file);
    }
    std::string file;
  };
  bolt::TrainerOptions options{.max_epochs = 4,
                               .logger = false,
                               .enable_checkpointing = false,
                               .enable_progress_bar = false,
                               .enable_model_summary = false};
  bolt::FitOptions from;
  if (what == "write") {
    options.callbacks = {std::make_shared<Saves>(argv[3])};
  } else {
    from.ckpt_path = argv[3];
  }
  bolt::Trainer(options).fit(model, train, {}, from);
}
