#pragma once

#include <torch/torch.h>
#include <torchbolt/torchbolt.h>

#include <functional>
#include <string>
#include <vector>

namespace bolt::testing {

using Example = torch::data::Example<>;

/// Batches of a line with noise: y = 2x + 1.
inline std::vector<Example> line_batches(int64_t count, int64_t size = 4) {
  std::vector<Example> batches;
  for (int64_t k = 0; k < count; ++k) {
    auto x = torch::arange(k * size, (k + 1) * size, torch::kFloat)
                 .remainder(7)
                 .unsqueeze(1) /
             7;
    batches.emplace_back(x, 2 * x + 1);
  }
  return batches;
}

/// Linear regression whose hooks call back with their names.
struct Line : LightningModule<> {
  Line() { register_module("layer", layer); }

  StepOutput training_step(const Batch& batch, StepContext&) override {
    at("training_step");
    auto loss = loss_of(batch);
    log("loss", loss);
    return loss;
  }
  void validation_step(const Batch& batch, StepContext&) override {
    at("validation_step");
    log("val_loss", loss_of(batch));
  }
  void test_step(const Batch& batch, StepContext&) override {
    at("test_step");
    log("test_loss", loss_of(batch));
  }
  Prediction predict_step(const Batch& batch, StepContext&) override {
    at("predict_step");
    return layer->forward(batch.data);
  }
  OptimizerConfig configure_optimizers() override {
    at("configure_optimizers");
    return torch::optim::SGD(parameters(), 0.1);
  }

#define LINE_HOOK(hook) \
  void hook() override { at(#hook); }
  LINE_HOOK(prepare_data)
  LINE_HOOK(configure_model)
  LINE_HOOK(on_fit_start)
  LINE_HOOK(on_fit_end)
  LINE_HOOK(on_train_start)
  LINE_HOOK(on_train_end)
  LINE_HOOK(on_train_epoch_start)
  LINE_HOOK(on_train_epoch_end)
  LINE_HOOK(on_validation_start)
  LINE_HOOK(on_validation_end)
  LINE_HOOK(on_validation_epoch_start)
  LINE_HOOK(on_validation_epoch_end)
  LINE_HOOK(on_after_backward)
#undef LINE_HOOK
  void setup(Stage) override { at("setup"); }
  void teardown(Stage) override { at("teardown"); }
  void on_before_zero_grad(torch::optim::Optimizer&) override {
    at("on_before_zero_grad");
  }
  void on_before_backward(const at::Tensor&) override {
    at("on_before_backward");
  }
  void on_before_optimizer_step(torch::optim::Optimizer&) override {
    at("on_before_optimizer_step");
  }
  void on_train_batch_start(const Batch&, StepContext&) override {
    at("on_train_batch_start");
  }
  void on_train_batch_end(const StepOutput&, const Batch&,
                          const StepContext&) override {
    at("on_train_batch_end");
  }
  void on_validation_batch_start(const Batch&, StepContext&) override {
    at("on_validation_batch_start");
  }
  void on_validation_batch_end(const Batch&, const StepContext&) override {
    at("on_validation_batch_end");
  }

  torch::Tensor loss_of(const Batch& batch) {
    return torch::mse_loss(layer->forward(batch.data), batch.target);
  }
  void at(const char* hook) {
    if (on_hook) on_hook(hook);
  }

  torch::nn::Linear layer{1, 1};
  std::function<void(const std::string&)> on_hook{};
};

/// A Trainer's arguments that write nothing and show nothing.
inline TrainerOptions quiet(TrainerOptions options = {}) {
  if (!options.logger.on()) options.logger = false;
  options.enable_progress_bar = false;
  options.enable_model_summary = options.enable_model_summary.value_or(false);
  options.accelerator = Accelerator::kCPU;
  options.enable_checkpointing = options.enable_checkpointing.value_or(false);
  return options;
}

}  // namespace bolt::testing
