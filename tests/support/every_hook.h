#pragma once

#include <torch/torch.h>
#include <torchbolt/torchbolt.h>

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/models.h"

// A module, a callback, a data module, a logger and a loader all of whose
// hooks say where they are: "module.on_fit_start", "data.setup", …

namespace bolt::testing {

using At = std::function<void(const std::string&)>;

/// A loader with two threads of its own.
class LoudLoader final : public BatchSource {
 public:
  using BatchType = Example;

  explicit LoudLoader(At at) : at_(std::move(at)) {}

  const BatchOps& ops() const override { return batches_.ops(); }
  std::optional<int64_t> size() const override { return batches_.size(); }
  void set_epoch(int64_t epoch) override {
    batches_.set_epoch(epoch);
    at_("loader.set_epoch");
  }
  void set_limit(int64_t n) override {
    batches_.set_limit(n);
    at_("loader.set_limit");
  }
  void start() override {
    batches_.start();
    at_("loader.start");
  }
  bool next(AnyBatch& batch) override {
    const bool there = batches_.next(batch);
    at_("loader.next");
    return there;
  }
  bool shuffled() const override {
    at_("loader.shuffled");
    return false;
  }
  void close() override {
    batches_.close();
    at_("loader.close");
  }

 private:
  At at_;
  DataLoader<TensorDataset> batches_{
      TensorDataset(torch::rand({8, 1}), torch::rand({8, 1})),
      {.batch_size = 4, .num_workers = 2}};
};

#define LOUD_SIMPLE(hook) \
  void hook() override { at_("module." #hook); }
#define LOUD_BATCH(hook, Context) \
  void hook(const Batch&, Context&) override { at_("module." #hook); }
#define LOUD_OPTIMIZER(hook) \
  void hook(torch::optim::Optimizer&) override { at_("module." #hook); }
#define LOUD_MODE(hook)        \
  void hook() override {       \
    at_("module." #hook);      \
    LightningModule<>::hook(); \
  }
#define LOUD_LOADER(hook)         \
  Loaders hook() override {       \
    at_("module." #hook);         \
    return LoudLoader(loader_at); \
  }

struct LoudModule : LightningModule<> {
  explicit LoudModule(At at) : loader_at(at), at_(std::move(at)) {
    register_module("layer", layer);
    save_hyperparameters({{"width", 1}});
  }

  std::vector<CallbackHandle> configure_callbacks() override {
    at_("module.configure_callbacks");
    return {};
  }
  OptimizerConfig configure_optimizers() override {
    at_("module.configure_optimizers");
    auto sgd = std::make_shared<torch::optim::SGD>(parameters(), 0.1);
    return {sgd, torch::optim::StepLR(*sgd, 1, 0.5)};
  }
  void setup(Stage) override { at_("module.setup"); }
  void teardown(Stage) override { at_("module.teardown"); }
  LOUD_SIMPLE(prepare_data)
  LOUD_SIMPLE(configure_model)
  LOUD_SIMPLE(on_fit_start)
  LOUD_SIMPLE(on_fit_end)
  LOUD_SIMPLE(on_train_start)
  LOUD_SIMPLE(on_train_end)
  LOUD_SIMPLE(on_train_epoch_start)
  LOUD_SIMPLE(on_train_epoch_end)
  LOUD_SIMPLE(on_validation_start)
  LOUD_SIMPLE(on_validation_end)
  LOUD_SIMPLE(on_validation_epoch_start)
  LOUD_SIMPLE(on_validation_epoch_end)
  LOUD_SIMPLE(on_test_start)
  LOUD_SIMPLE(on_test_end)
  LOUD_SIMPLE(on_test_epoch_start)
  LOUD_SIMPLE(on_test_epoch_end)
  LOUD_SIMPLE(on_predict_start)
  LOUD_SIMPLE(on_predict_end)
  LOUD_SIMPLE(on_predict_epoch_start)
  LOUD_SIMPLE(on_predict_epoch_end)
  LOUD_SIMPLE(on_after_backward)
  LOUD_MODE(on_validation_model_zero_grad)
  LOUD_MODE(on_validation_model_eval)
  LOUD_MODE(on_validation_model_train)
  LOUD_MODE(on_test_model_eval)
  LOUD_MODE(on_test_model_train)
  LOUD_MODE(on_predict_model_eval)
  LOUD_BATCH(on_train_batch_start, StepContext)
  LOUD_BATCH(on_validation_batch_start, StepContext)
  LOUD_BATCH(on_validation_batch_end, const StepContext)
  LOUD_BATCH(on_test_batch_start, StepContext)
  LOUD_BATCH(on_test_batch_end, const StepContext)
  LOUD_BATCH(on_predict_batch_start, StepContext)
  LOUD_OPTIMIZER(on_before_zero_grad)
  LOUD_OPTIMIZER(on_before_optimizer_step)
  LOUD_LOADER(train_dataloader)
  LOUD_LOADER(val_dataloader)
  LOUD_LOADER(test_dataloader)
  LOUD_LOADER(predict_dataloader)

  StepOutput training_step(const Batch& batch, StepContext&) override {
    at_("module.training_step");
    auto loss = loss_of(batch);
    log("loss", loss);
    return loss;
  }
  void validation_step(const Batch& batch, StepContext&) override {
    at_("module.validation_step");
    log("val_loss", loss_of(batch));
  }
  void test_step(const Batch& batch, StepContext&) override {
    at_("module.test_step");
    log("test_loss", loss_of(batch));
  }
  Prediction predict_step(const Batch& batch, StepContext&) override {
    at_("module.predict_step");
    return layer->forward(batch.data);
  }
  void on_train_batch_end(const StepOutput&, const Batch&,
                          const StepContext&) override {
    at_("module.on_train_batch_end");
  }
  void on_predict_batch_end(const Prediction&, const Batch&,
                            const StepContext&) override {
    at_("module.on_predict_batch_end");
  }
  void on_before_backward(const at::Tensor&) override {
    at_("module.on_before_backward");
  }
  void backward(const at::Tensor& loss) override {
    at_("module.backward");
    LightningModule<>::backward(loss);
  }
  void optimizer_step(int64_t epoch, int64_t batch,
                      torch::optim::Optimizer& optimizer,
                      const std::function<at::Tensor()>& closure) override {
    at_("module.optimizer_step");
    LightningModule<>::optimizer_step(epoch, batch, optimizer, closure);
    at_("module.optimizer_step, after it");
  }
  void optimizer_zero_grad(int64_t epoch, int64_t batch,
                           torch::optim::Optimizer& optimizer) override {
    at_("module.optimizer_zero_grad");
    LightningModule<>::optimizer_zero_grad(epoch, batch, optimizer);
  }
  void configure_gradient_clipping(torch::optim::Optimizer&,
                                   std::optional<double>,
                                   std::optional<ClipAlgorithm>) override {
    at_("module.configure_gradient_clipping");
  }
  void lr_scheduler_step(LRScheduler& scheduler,
                         std::optional<double> metric) override {
    at_("module.lr_scheduler_step");
    LightningModule<>::lr_scheduler_step(scheduler, metric);
  }
  void on_before_batch_transfer(Batch&, int64_t) override {
    at_("module.on_before_batch_transfer");
  }
  void transfer_batch_to_device(Batch& batch, const at::Device& device,
                                int64_t loader) override {
    at_("module.transfer_batch_to_device");
    LightningModule<>::transfer_batch_to_device(batch, device, loader);
  }
  void on_after_batch_transfer(Batch&, int64_t) override {
    at_("module.on_after_batch_transfer");
  }

  torch::Tensor loss_of(const Batch& batch) {
    return torch::mse_loss(layer->forward(batch.data), batch.target);
  }
  torch::nn::Linear layer{1, 1};
  At loader_at;

 private:
  At at_;
};
#undef LOUD_SIMPLE
#undef LOUD_BATCH
#undef LOUD_OPTIMIZER
#undef LOUD_MODE
#undef LOUD_LOADER

class LoudCallback final : public Callback {
 public:
  explicit LoudCallback(At at) : at_(std::move(at)) {}

#define LOUD(hook, ...)                                              \
  void hook(Trainer&, Module& __VA_OPT__(, ) __VA_ARGS__) override { \
    at_("callback." #hook);                                          \
  }
  LOUD(setup, Stage)
  LOUD(teardown, Stage)
  LOUD(on_fit_start)
  LOUD(on_fit_end)
  LOUD(on_sanity_check_start)
  LOUD(on_sanity_check_end)
  LOUD(on_train_start)
  LOUD(on_train_end)
  LOUD(on_train_epoch_start)
  LOUD(on_train_epoch_end)
  LOUD(on_train_batch_start, const AnyBatch&, const StepContext&)
  LOUD(on_train_batch_end, const StepOutput&, const AnyBatch&,
       const StepContext&)
  LOUD(on_before_zero_grad, torch::optim::Optimizer&)
  LOUD(on_before_backward, const at::Tensor&)
  LOUD(on_after_backward)
  LOUD(on_before_optimizer_step, torch::optim::Optimizer&)
  LOUD(on_validation_start)
  LOUD(on_validation_end)
  LOUD(on_validation_epoch_start)
  LOUD(on_validation_epoch_end)
  LOUD(on_validation_batch_start, const AnyBatch&, const StepContext&)
  LOUD(on_validation_batch_end, const AnyBatch&, const StepContext&)
  LOUD(on_test_start)
  LOUD(on_test_end)
  LOUD(on_test_epoch_start)
  LOUD(on_test_epoch_end)
  LOUD(on_test_batch_start, const AnyBatch&, const StepContext&)
  LOUD(on_test_batch_end, const AnyBatch&, const StepContext&)
  LOUD(on_predict_start)
  LOUD(on_predict_end)
  LOUD(on_predict_epoch_start)
  LOUD(on_predict_epoch_end)
  LOUD(on_predict_batch_start, const AnyBatch&, const StepContext&)
  LOUD(on_predict_batch_end, const Prediction&, const AnyBatch&,
       const StepContext&)
#undef LOUD

 private:
  At at_;
};

struct LoudData : LightningDataModule {
  explicit LoudData(At at) : at_(std::move(at)) {}

  void prepare_data() override { at_("data.prepare_data"); }
  void setup(Stage) override { at_("data.setup"); }
  void teardown(Stage) override { at_("data.teardown"); }
  Loaders train_dataloader() override { return loader("train_dataloader"); }
  Loaders val_dataloader() override { return loader("val_dataloader"); }
  Loaders test_dataloader() override { return loader("test_dataloader"); }
  Loaders predict_dataloader() override { return loader("predict_dataloader"); }
  void on_before_batch_transfer(AnyBatch&, int64_t) override {
    at_("data.on_before_batch_transfer");
  }
  void transfer_batch_to_device(AnyBatch& batch, const at::Device& device,
                                int64_t loader) override {
    at_("data.transfer_batch_to_device");
    LightningDataModule::transfer_batch_to_device(batch, device, loader);
  }
  void on_after_batch_transfer(AnyBatch&, int64_t) override {
    at_("data.on_after_batch_transfer");
  }
  void on_exception(std::exception_ptr) override { ++exceptions; }

  int exceptions = 0;

 private:
  Loaders loader(const std::string& hook) {
    at_("data." + hook);
    return LoudLoader(at_);
  }
  At at_;
};

struct LoudLogger : Logger {
  explicit LoudLogger(At at) : at_(std::move(at)) {}

  std::string name() const override { return "loud"; }
  std::string version() const override { return "0"; }
  void start() override { at_("logger.start"); }
  void log_metrics(const MetricMap&, int64_t) override {
    at_("logger.log_metrics");
  }
  void log_hyperparams(const State&) override { at_("logger.log_hyperparams"); }
  void log_graph(Module&) override { at_("logger.log_graph"); }
  void save() override { at_("logger.save"); }
  void finalize(LoggerStatus status) override {
    ended.push_back(status);
    at_("logger.finalize");
  }

  std::vector<LoggerStatus> ended{};

 private:
  At at_;
};

}  // namespace bolt::testing
