#pragma once

#include <torchbolt/export.h>
#include <torchbolt/trainer/callback.h>

#include <functional>
#include <utility>

namespace bolt {

/// One function for each hook of Callback, which says when they run.
struct LambdaCallbackOptions {
  using Simple = std::function<void(Trainer&, Module&)>;
  using WithStage = std::function<void(Trainer&, Module&, Stage)>;
  using OnBatch = std::function<void(Trainer&, Module&, const AnyBatch&,
                                     const StepContext&)>;
  using OnTrainBatchEnd =
      std::function<void(Trainer&, Module&, const StepOutput&, const AnyBatch&,
                         const StepContext&)>;
  using OnPredictBatchEnd =
      std::function<void(Trainer&, Module&, const Prediction&, const AnyBatch&,
                         const StepContext&)>;
  using WithOptimizer =
      std::function<void(Trainer&, Module&, torch::optim::Optimizer&)>;
  using WithLoss = std::function<void(Trainer&, Module&, const at::Tensor&)>;
  using WithException =
      std::function<void(Trainer&, Module&, std::exception_ptr)>;
  using OnSaveCheckpoint = std::function<void(Trainer&, Module&, State&)>;
  using OnLoadCheckpoint = std::function<void(Trainer&, Module&, const State&)>;

  WithStage setup{};
  WithStage teardown{};
  Simple on_fit_start{};
  Simple on_fit_end{};
  Simple on_sanity_check_start{};
  Simple on_sanity_check_end{};
  Simple on_train_start{};
  Simple on_train_end{};
  Simple on_train_epoch_start{};
  Simple on_train_epoch_end{};
  OnBatch on_train_batch_start{};
  OnTrainBatchEnd on_train_batch_end{};
  WithOptimizer on_before_zero_grad{};
  WithLoss on_before_backward{};
  Simple on_after_backward{};
  WithOptimizer on_before_optimizer_step{};
  Simple on_validation_start{};
  Simple on_validation_end{};
  Simple on_validation_epoch_start{};
  Simple on_validation_epoch_end{};
  OnBatch on_validation_batch_start{};
  OnBatch on_validation_batch_end{};
  Simple on_test_start{};
  Simple on_test_end{};
  Simple on_test_epoch_start{};
  Simple on_test_epoch_end{};
  OnBatch on_test_batch_start{};
  OnBatch on_test_batch_end{};
  Simple on_predict_start{};
  Simple on_predict_end{};
  Simple on_predict_epoch_start{};
  Simple on_predict_epoch_end{};
  OnBatch on_predict_batch_start{};
  OnPredictBatchEnd on_predict_batch_end{};
  WithException on_exception{};
  OnSaveCheckpoint on_save_checkpoint{};
  OnLoadCheckpoint on_load_checkpoint{};
};

/// A callback from functions, for small needs.
///
///     bolt::LambdaCallback({.on_train_epoch_end =
///         [](bolt::Trainer& trainer, bolt::Module& module) {
///           module.print("epoch " + std::to_string(trainer.current_epoch()));
///         }})
class TORCHBOLT_API LambdaCallback final : public Callback {
 public:
  explicit LambdaCallback(LambdaCallbackOptions hooks)
      : hooks_(std::move(hooks)) {}

#define BOLT_LAMBDA_SIMPLE(hook)              \
  void hook(Trainer& t, Module& m) override { \
    if (hooks_.hook) hooks_.hook(t, m);       \
  }
#define BOLT_LAMBDA_BATCH(hook)                                             \
  void hook(Trainer& t, Module& m, const AnyBatch& b, const StepContext& s) \
      override {                                                            \
    if (hooks_.hook) hooks_.hook(t, m, b, s);                               \
  }
#define BOLT_LAMBDA_ONE(hook, Type)                   \
  void hook(Trainer& t, Module& m, Type x) override { \
    if (hooks_.hook) hooks_.hook(t, m, x);            \
  }
  BOLT_LAMBDA_ONE(setup, Stage)
  BOLT_LAMBDA_ONE(teardown, Stage)
  BOLT_LAMBDA_SIMPLE(on_fit_start)
  BOLT_LAMBDA_SIMPLE(on_fit_end)
  BOLT_LAMBDA_SIMPLE(on_sanity_check_start)
  BOLT_LAMBDA_SIMPLE(on_sanity_check_end)
  BOLT_LAMBDA_SIMPLE(on_train_start)
  BOLT_LAMBDA_SIMPLE(on_train_end)
  BOLT_LAMBDA_SIMPLE(on_train_epoch_start)
  BOLT_LAMBDA_SIMPLE(on_train_epoch_end)
  BOLT_LAMBDA_BATCH(on_train_batch_start)
  BOLT_LAMBDA_ONE(on_before_zero_grad, torch::optim::Optimizer&)
  BOLT_LAMBDA_ONE(on_before_backward, const at::Tensor&)
  BOLT_LAMBDA_SIMPLE(on_after_backward)
  BOLT_LAMBDA_ONE(on_before_optimizer_step, torch::optim::Optimizer&)
  BOLT_LAMBDA_SIMPLE(on_validation_start)
  BOLT_LAMBDA_SIMPLE(on_validation_end)
  BOLT_LAMBDA_SIMPLE(on_validation_epoch_start)
  BOLT_LAMBDA_SIMPLE(on_validation_epoch_end)
  BOLT_LAMBDA_BATCH(on_validation_batch_start)
  BOLT_LAMBDA_BATCH(on_validation_batch_end)
  BOLT_LAMBDA_SIMPLE(on_test_start)
  BOLT_LAMBDA_SIMPLE(on_test_end)
  BOLT_LAMBDA_SIMPLE(on_test_epoch_start)
  BOLT_LAMBDA_SIMPLE(on_test_epoch_end)
  BOLT_LAMBDA_BATCH(on_test_batch_start)
  BOLT_LAMBDA_BATCH(on_test_batch_end)
  BOLT_LAMBDA_SIMPLE(on_predict_start)
  BOLT_LAMBDA_SIMPLE(on_predict_end)
  BOLT_LAMBDA_SIMPLE(on_predict_epoch_start)
  BOLT_LAMBDA_SIMPLE(on_predict_epoch_end)
  BOLT_LAMBDA_BATCH(on_predict_batch_start)
  BOLT_LAMBDA_ONE(on_exception, std::exception_ptr)
  BOLT_LAMBDA_ONE(on_save_checkpoint, State&)
  BOLT_LAMBDA_ONE(on_load_checkpoint, const State&)
#undef BOLT_LAMBDA_SIMPLE
#undef BOLT_LAMBDA_BATCH
#undef BOLT_LAMBDA_ONE

  void on_train_batch_end(Trainer& t, Module& m, const StepOutput& o,
                          const AnyBatch& b, const StepContext& s) override {
    if (hooks_.on_train_batch_end) hooks_.on_train_batch_end(t, m, o, b, s);
  }
  void on_predict_batch_end(Trainer& t, Module& m, const Prediction& p,
                            const AnyBatch& b, const StepContext& s) override {
    if (hooks_.on_predict_batch_end) hooks_.on_predict_batch_end(t, m, p, b, s);
  }

 private:
  LambdaCallbackOptions hooks_;
};

}  // namespace bolt
