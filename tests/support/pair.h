#pragma once

#include <torch/torch.h>
#include <torchbolt/torchbolt.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "support/errors.h"
#include "support/models.h"

namespace bolt::testing {

inline torch::Tensor weight(double value) {
  return torch::full({1}, value, torch::kFloat);
}

/// Two numbers, each with an optimizer of its own; `step` is the training step.
struct Pair : LightningModule<> {
  Pair() {
    automatic_optimization = false;
    a = register_parameter("a", weight(1));
    b = register_parameter("b", weight(1));
  }
  StepOutput training_step(const Batch&, StepContext& context) override {
    calls.push_back("training_step");
    return step ? step(context) : StepOutput();
  }
  OptimizerConfig configure_optimizers() override {
    if (configure) return configure();
    return {sgd(a), sgd(b)};
  }
  static std::shared_ptr<torch::optim::SGD> sgd(const torch::Tensor& of) {
    return std::make_shared<torch::optim::SGD>(std::vector{of}, 0.1);
  }
  void on_before_backward(const at::Tensor&) override {
    calls.push_back("on_before_backward");
  }
  void on_after_backward() override { calls.push_back("on_after_backward"); }
  void on_before_zero_grad(torch::optim::Optimizer&) override {
    calls.push_back("on_before_zero_grad");
  }
  void on_before_optimizer_step(torch::optim::Optimizer& which) override {
    calls.push_back("on_before_optimizer_step");
    stepped.push_back(&which);
  }
  void configure_gradient_clipping(torch::optim::Optimizer&,
                                   std::optional<double>,
                                   std::optional<ClipAlgorithm>) override {
    calls.push_back("configure_gradient_clipping");
  }
  void optimizer_step(int64_t, int64_t, torch::optim::Optimizer& optimizer,
                      const std::function<at::Tensor()>& closure) override {
    calls.push_back("optimizer_step");
    optimizer.step(closure);
  }
  void on_train_batch_end(const StepOutput& outputs, const Batch&,
                          const StepContext&) override {
    last = outputs;
    if (batch_end) batch_end();
  }

  torch::Tensor a;
  torch::Tensor b;
  std::function<StepOutput(StepContext&)> step{};
  std::function<OptimizerConfig()> configure{};
  std::function<void()> batch_end{};
  std::vector<std::string> calls{};
  std::vector<torch::optim::Optimizer*> stepped{};
  StepOutput last{};
};

/// The sentence with which its fit is refused.
inline std::string refused(Pair& model,
                           TrainerOptions options = {.max_epochs = 1}) {
  return message_of<ConfigError>(
      [&] { Trainer(quiet(options)).fit(model, line_batches(2)); });
}

}  // namespace bolt::testing
