#pragma once

#include <torchbolt/data/batch_parts.h>
#include <torchbolt/trainer/module.h>

#include <concepts>
#include <type_traits>

namespace bolt {

/// A model with its science: layers, loss, optimizer. Derive from it, override
/// the steps and `configure_optimizers`, and let a Trainer run it. Any libtorch
/// code works inside. `Batch` is what the loaders yield; see visit_leaves() for
/// the types that can be one. Used by one thread.
///
///     struct Classifier : bolt::LightningModule<> {
///       nn::Sequential net{nn::Linear(784, 256), nn::ReLU(),
///                          nn::Linear(256, 10)};
///       Classifier() { register_module("net", net); }
///       bolt::StepOutput training_step(const Batch& batch,
///                                      bolt::StepContext&) override {
///         auto logits = net->forward(batch.data);
///         auto loss = F::cross_entropy(logits, batch.target);
///         log("train/loss", loss);
///         return loss;
///       }
///       bolt::OptimizerConfig configure_optimizers() override {
///         return torch::optim::AdamW(parameters(), 1e-3);
///       }
///     };
template <class B = torch::data::Example<>>
class LightningModule : public Module {
 public:
  using Batch = B;

  /// Computes the loss of a batch.
  virtual StepOutput training_step(const Batch& batch, StepContext& step) {
    (void)batch, (void)step;
    return {};
  }
  /// Computes and logs what tells how good the model is.
  virtual void validation_step(const Batch& batch, StepContext& step) {
    (void)batch, (void)step;
  }
  virtual void test_step(const Batch& batch, StepContext& step) {
    (void)batch, (void)step;
  }
  /// Default: `forward(batch)`, or `forward(batch.data)`.
  virtual Prediction predict_step(const Batch& batch, StepContext& step) {
    (void)batch, (void)step;
    return {};
  }

  virtual void on_train_batch_start(const Batch& batch, StepContext& step) {
    (void)batch, (void)step;
  }
  virtual void on_train_batch_end(const StepOutput& outputs, const Batch& batch,
                                  const StepContext& step) {
    (void)outputs, (void)batch, (void)step;
  }
  virtual void on_validation_batch_start(const Batch& batch,
                                         StepContext& step) {
    (void)batch, (void)step;
  }
  virtual void on_validation_batch_end(const Batch& batch,
                                       const StepContext& step) {
    (void)batch, (void)step;
  }
  virtual void on_test_batch_start(const Batch& batch, StepContext& step) {
    (void)batch, (void)step;
  }
  virtual void on_test_batch_end(const Batch& batch, const StepContext& step) {
    (void)batch, (void)step;
  }
  virtual void on_predict_batch_start(const Batch& batch, StepContext& step) {
    (void)batch, (void)step;
  }
  virtual void on_predict_batch_end(const Prediction& prediction,
                                    const Batch& batch,
                                    const StepContext& step) {
    (void)prediction, (void)batch, (void)step;
  }

  /// Changes a batch before it is moved to the device.
  virtual void on_before_batch_transfer(Batch& batch, int64_t dataloader_idx) {
    (void)batch, (void)dataloader_idx;
  }
  /// Moves a batch to the device. Default: all its tensors.
  virtual void transfer_batch_to_device(Batch& batch, const at::Device& device,
                                        int64_t dataloader_idx) {
    (void)dataloader_idx;
    batch_ops<Batch>().to(&batch, device);
  }
  /// Changes a batch that is on the device already.
  virtual void on_after_batch_transfer(Batch& batch, int64_t dataloader_idx) {
    (void)batch, (void)dataloader_idx;
  }

 private:
  using Any = AnyBatch;
  const BatchOps& batch_type() const final { return batch_ops<B>(); }
  const PartOps* batch_parts() const final { return part_ops<B>(); }
  StepOutput do_training_step(const Any& batch, StepContext& step) final {
    return training_step(batch.as<B>(), step);
  }
  void do_validation_step(const Any& batch, StepContext& step) final {
    validation_step(batch.as<B>(), step);
  }
  void do_test_step(const Any& batch, StepContext& step) final {
    test_step(batch.as<B>(), step);
  }
  Prediction do_predict_step(const Any& batch, StepContext& step) final {
    return predict_step(batch.as<B>(), step);
  }
  void do_on_train_batch_start(const Any& batch, StepContext& step) final {
    on_train_batch_start(batch.as<B>(), step);
  }
  void do_on_train_batch_end(const StepOutput& outputs, const Any& batch,
                             const StepContext& step) final {
    on_train_batch_end(outputs, batch.as<B>(), step);
  }
  void do_on_validation_batch_start(const Any& batch, StepContext& step) final {
    on_validation_batch_start(batch.as<B>(), step);
  }
  void do_on_validation_batch_end(const Any& batch,
                                  const StepContext& step) final {
    on_validation_batch_end(batch.as<B>(), step);
  }
  void do_on_test_batch_start(const Any& batch, StepContext& step) final {
    on_test_batch_start(batch.as<B>(), step);
  }
  void do_on_test_batch_end(const Any& batch, const StepContext& step) final {
    on_test_batch_end(batch.as<B>(), step);
  }
  void do_on_predict_batch_start(const Any& batch, StepContext& step) final {
    on_predict_batch_start(batch.as<B>(), step);
  }
  void do_on_predict_batch_end(const Prediction& prediction, const Any& batch,
                               const StepContext& step) final {
    on_predict_batch_end(prediction, batch.as<B>(), step);
  }
  void do_on_before_batch_transfer(Any& batch, int64_t loader) final {
    on_before_batch_transfer(batch.as<B>(), loader);
  }
  void do_transfer_batch_to_device(Any& batch, const at::Device& device,
                                   int64_t loader) final {
    transfer_batch_to_device(batch.as<B>(), device, loader);
  }
  void do_on_after_batch_transfer(Any& batch, int64_t loader) final {
    on_after_batch_transfer(batch.as<B>(), loader);
  }
};

namespace detail {

template <class M>
Prediction (*forward_of())(Module&, const AnyBatch&) {
  using B = typename M::Batch;
  if constexpr (requires(M& m, const B& b) {
                  { m.forward(b) } -> std::convertible_to<Prediction>;
                }) {
    return [](Module& m, const AnyBatch& batch) -> Prediction {
      return static_cast<M&>(m).forward(batch.as<B>());
    };
  } else if constexpr (requires(M& m, const B& b) {
                         {
                           m.forward(b.data)
                         } -> std::convertible_to<Prediction>;
                       }) {
    return [](Module& m, const AnyBatch& batch) -> Prediction {
      return static_cast<M&>(m).forward(batch.as<B>().data);
    };
  } else {
    return nullptr;
  }
}

template <class M>
void (*forward_tensor_of())(Module&, const at::Tensor&) {
  if constexpr (requires(M& m, const at::Tensor& t) { m.forward(t); }) {
    return [](Module& m, const at::Tensor& input) {
      (void)static_cast<M&>(m).forward(input);
    };
  } else {
    return nullptr;
  }
}

}  // namespace detail

/// The steps and hooks that the class `M` overrides.
template <class M>
ModuleHooks module_hooks_of() {
  using Base = LightningModule<typename M::Batch>;
  static_assert(std::derived_from<M, Base>,
                "A module derives from bolt::LightningModule<Batch>.");
  ModuleHooks hooks{
      .training_step = BOLT_OVERRIDES(M, Base, training_step),
      .validation_step = BOLT_OVERRIDES(M, Base, validation_step),
      .test_step = BOLT_OVERRIDES(M, Base, test_step),
      .predict_step = BOLT_OVERRIDES(M, Base, predict_step),
      .configure_optimizers = BOLT_OVERRIDES(M, Base, configure_optimizers),
      .forward = detail::forward_of<M>(),
      .forward_tensor = detail::forward_tensor_of<M>(),
      .data = detail::loader_hooks_of<M, Base>(),
  };
  hooks.data.on_before_batch_transfer =
      BOLT_OVERRIDES(M, Base, on_before_batch_transfer);
  hooks.data.transfer_batch_to_device =
      BOLT_OVERRIDES(M, Base, transfer_batch_to_device);
  hooks.data.on_after_batch_transfer =
      BOLT_OVERRIDES(M, Base, on_after_batch_transfer);
  return hooks;
}

}  // namespace bolt
