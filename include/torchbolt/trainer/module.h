#pragma once

#include <torch/nn/module.h>
#include <torchbolt/data/data_module.h>
#include <torchbolt/engine/options.h>
#include <torchbolt/export.h>
#include <torchbolt/optim/optimizer_config.h>
#include <torchbolt/state/hyperparameters_mixin.h>
#include <torchbolt/state/state.h>
#include <torchbolt/trainer/backward_sync_scope.h>
#include <torchbolt/trainer/callback.h>
#include <torchbolt/trainer/lightning_optimizer.h>
#include <torchbolt/trainer/log_options.h>
#include <torchbolt/trainer/step.h>
#include <torchbolt/trainer/toggled_optimizer.h>

#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bolt {

class Trainer;
class Module;
class Table;
struct Figure;
struct PartOps;
namespace detail {
class LogStore;
struct TrainerAccess;
enum class Hook : unsigned char;
}  // namespace detail

/// Which steps and hooks a module overrides; the Trainer's behaviour depends on
/// it. `module_hooks_of<M>()` reads it off a class.
struct ModuleHooks {
  bool training_step = false;
  bool validation_step = false;
  bool test_step = false;
  bool predict_step = false;
  bool configure_optimizers = false;
  /// `predict_step` when that isn't overridden: calls `forward`; null when the
  /// module has none that takes the batch or its data.
  Prediction (*forward)(Module& module, const AnyBatch& batch) = nullptr;
  /// Calls `forward` on one tensor; null when the module has none that takes
  /// it. What it gives is let go.
  void (*forward_tensor)(Module& module, const at::Tensor& input) = nullptr;
  DataHooks data{};
};

/// The part of a LightningModule that doesn't depend on the batch type:
/// callbacks and loggers see modules as this. Users derive from
/// `LightningModule<Batch>`. Used by one thread.
///
/// The hooks stand in the order in which a fit calls them; for each, callbacks
/// come first (see Callback). docs/hooks.md draws the whole sequence.
class TORCHBOLT_API Module : public torch::nn::Module,
                             public HyperparametersMixin {
 public:
  Module();
  ~Module() override;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  // -- hooks ---------------------------------------------------------------

  /// Callbacks that the module brings along, at each entry point. One replaces
  /// the Trainer's callbacks of the same type or of a base of it.
  virtual std::vector<CallbackHandle> configure_callbacks() { return {}; }
  /// Downloads data, once per node. Assign nothing that each process needs.
  virtual void prepare_data() {}
  virtual void setup(Stage stage) { (void)stage; }
  /// Creates parameters on their device, for models too large to be made
  /// elsewhere. Called at each entry point, so it must do nothing twice.
  virtual void configure_model() {}
  /// The optimizer, or several, and the schedules.
  virtual OptimizerConfig configure_optimizers() { return {}; }
  virtual void on_fit_start() {}
  virtual void on_train_start() {}
  virtual void on_train_epoch_start() {}
  virtual void on_before_zero_grad(torch::optim::Optimizer& optimizer) {
    (void)optimizer;
  }
  /// Lets go of the gradients. `batch_idx` is the batch that begins anew.
  virtual void optimizer_zero_grad(int64_t epoch, int64_t batch_idx,
                                   torch::optim::Optimizer& optimizer);
  /// `loss` is what `backward` gets: divided by `accumulate_grad_batches`.
  virtual void on_before_backward(const at::Tensor& loss) { (void)loss; }
  virtual void backward(const at::Tensor& loss);
  virtual void on_after_backward() {}
  /// Gradients are whole, and not clipped yet.
  virtual void on_before_optimizer_step(torch::optim::Optimizer& optimizer) {
    (void)optimizer;
  }
  /// Calls `clip_gradients`. Arguments: the Trainer's settings, as they are.
  virtual void configure_gradient_clipping(torch::optim::Optimizer& optimizer,
                                           std::optional<double> clip_val,
                                           std::optional<ClipAlgorithm> by);
  /// Must call `optimizer.step(closure)`, or `closure()` itself: that runs
  /// the training step and the backward pass.
  virtual void optimizer_step(int64_t epoch, int64_t batch_idx,
                              torch::optim::Optimizer& optimizer,
                              const std::function<at::Tensor()>& closure);
  /// `metric` is there for plateau schedulers.
  virtual void lr_scheduler_step(LRScheduler& scheduler,
                                 std::optional<double> metric);
  /// Lets go of gradients before a validation inside a fit.
  virtual void on_validation_model_zero_grad();
  virtual void on_validation_model_eval();
  virtual void on_validation_start() {}
  virtual void on_validation_epoch_start() {}
  virtual void on_validation_epoch_end() {}
  virtual void on_validation_end() {}
  /// Default: each submodule goes back to the mode that it had before.
  virtual void on_validation_model_train();
  virtual void on_train_epoch_end() {}
  virtual void on_train_end() {}
  virtual void on_fit_end() {}
  virtual void teardown(Stage stage) { (void)stage; }

  virtual void on_test_model_eval();
  virtual void on_test_start() {}
  virtual void on_test_epoch_start() {}
  virtual void on_test_epoch_end() {}
  virtual void on_test_end() {}
  virtual void on_test_model_train();

  virtual void on_predict_model_eval();
  virtual void on_predict_start() {}
  virtual void on_predict_epoch_start() {}
  virtual void on_predict_epoch_end() {}
  virtual void on_predict_end() {}

  /// Loaders of the module's own, for when none are passed.
  virtual Loaders train_dataloader() { return {}; }
  virtual Loaders val_dataloader() { return {}; }
  virtual Loaders test_dataloader() { return {}; }
  virtual Loaders predict_dataloader() { return {}; }

  /// A checkpoint is about to be written, or was read and the weights aren't
  /// loaded yet: a map to add to, or to take from.
  virtual void on_save_checkpoint(State& checkpoint) { (void)checkpoint; }
  virtual void on_load_checkpoint(const State& checkpoint) { (void)checkpoint; }

  /// Which steps and hooks there are. The Trainer reads it off the static type
  /// that it is given; override it where that is not the whole truth (a module
  /// passed as its base class, or one that decides at run time):
  /// `return bolt::module_hooks_of<MyModel>();`.
  virtual std::optional<ModuleHooks> hooks() const { return std::nullopt; }

  // -- services ------------------------------------------------------------

  /// Records a value under a name; LogOptions says where it goes. Tensors on
  /// another device are not waited for. Throws ConfigError where logging isn't
  /// allowed (docs/logging.md has the table) or the arguments contradict.
  void log(std::string_view name, LogValue value,
           const LogOptions& options = {});
  /// `log()` for each entry, with the same settings. Entries stand in braces,
  /// `{{"a", x}, {"b", y}}`, or in any map of names to values.
  void log_dict(
      std::initializer_list<std::pair<std::string_view, LogValue>> values,
      const LogOptions& options = {}) {
    for (const auto& [name, value] : values) log(name, value, options);
  }
  template <LogValues Values>
  void log_dict(Values&& values, const LogOptions& options = {}) {
    for (auto&& [name, value] : values) log(name, value, options);
  }

  /// Sends a picture, a text, … to the loggers of the Trainer, at the step that
  /// step metrics have now; loggers that don't keep such a thing say so once.
  /// Nothing is sent in the sanity check. May be called in every hook from
  /// `setup` on. Shapes and types: see Logger. Of these, `log_histogram` waits
  /// for the device.
  ///
  ///     log_image("samples", bolt::make_grid(images));
  /// @{
  void log_image(std::string_view name, const at::Tensor& image);
  void log_figure(std::string_view name, const Figure& figure);
  void log_text(std::string_view name, std::string_view text);
  void log_table(std::string_view name, const Table& table);
  void log_histogram(std::string_view name, const at::Tensor& values,
                     int64_t bins = 64);
  /// @}

  /// Writes a line for a person, on rank 0, so that the progress bar stays
  /// whole.
  void print(std::string_view text) const;

  /// Turns off gradients and goes to eval mode; `unfreeze` the reverse. Both
  /// return the module.
  Module& freeze();
  Module& unfreeze();

  /// Makes a metric part of the module, so that it moves and is saved with it,
  /// and can be logged. It must live as long as the module.
  void register_metric(std::string name, metrics::Metric& metric);
  const std::vector<std::pair<std::string, metrics::Metric*>>&
  registered_metrics() const {
    return metrics_;
  }

  /// The Trainer of this run, or of the last one. Throws ConfigError before the
  /// first, and when that Trainer is gone.
  Trainer& trainer() const;
  bool has_trainer() const { return trainer_ != nullptr; }
  /// Those of `trainer()`; 0 without one.
  int64_t current_epoch() const;
  int64_t global_step() const;
  /// Where the module lives: the run's device, else that of its parameters.
  at::Device device() const;

  /// Clips the gradients of an optimizer as its entry or the Trainer's
  /// arguments say, or as these say. Gives back the norm before (0-d, on the
  /// gradients' device), for `log()`; undefined where nothing is clipped, or by
  /// value. Throws ConfigError when they contradict.
  at::Tensor clip_gradients(torch::optim::Optimizer& optimizer,
                            std::optional<double> clip_val = {},
                            std::optional<ClipAlgorithm> by = {});

  // -- manual optimization -------------------------------------------------

  /// Set it to false in the constructor, and `training_step` does the
  /// optimizing: backward passes, steps, schedules. See
  /// docs/guide/manual_optimization.md.
  bool automatic_optimization = true;

  /// The fit's optimizers, in the order of `configure_optimizers`; one of them
  /// by position or name. Throws ConfigError outside of a fit, and for one that
  /// isn't there.
  std::vector<LightningOptimizer> optimizers();
  LightningOptimizer optimizer(std::size_t index = 0);
  LightningOptimizer optimizer(std::string_view name);
  /// The fit's schedules, in the same order; step them yourself.
  std::vector<LRScheduler*> lr_schedulers();
  LRScheduler& lr_scheduler(std::size_t index = 0);

  /// The backward pass of a loss, with its hooks; the `loss` isn't divided.
  /// Throws ConfigError under automatic optimization.
  void manual_backward(const at::Tensor& loss);

  /// Turns off gradients of all parameters but those of `optimizer`, so that a
  /// loss that goes through the other networks leaves nothing there; and back.
  /// `toggled_optimizer` does both, the latter at the end of its scope. Throws
  /// ConfigError when one is toggled already, or `optimizer` isn't the fit's.
  void toggle_optimizer(torch::optim::Optimizer& optimizer);
  void untoggle_optimizer(torch::optim::Optimizer& optimizer);
  [[nodiscard]] ToggledOptimizer toggled_optimizer(
      torch::optim::Optimizer& optimizer);
  /// Keeps gradients from being exchanged while the scope lives.
  [[nodiscard]] BackwardSyncScope no_backward_sync(bool enabled = true);

  /// A batch's data, for summaries and exports.
  at::Tensor example_input_array{};

  /// Whether a checkpoint must have exactly the module's parameters and
  /// buffers; else those of both are loaded, and the others named in a warning.
  bool strict_loading = true;

 protected:
  friend struct detail::TrainerAccess;
  // The typed layer below this one; see LightningModule.
  virtual const BatchOps& batch_type() const = 0;
  virtual const PartOps* batch_parts() const = 0;
  virtual StepOutput do_training_step(const AnyBatch&, StepContext&) = 0;
  virtual void do_validation_step(const AnyBatch&, StepContext&) = 0;
  virtual void do_test_step(const AnyBatch&, StepContext&) = 0;
  virtual Prediction do_predict_step(const AnyBatch&, StepContext&) = 0;
  virtual void do_on_train_batch_start(const AnyBatch&, StepContext&) = 0;
  virtual void do_on_train_batch_end(const StepOutput&, const AnyBatch&,
                                     const StepContext&) = 0;
  virtual void do_on_validation_batch_start(const AnyBatch&, StepContext&) = 0;
  virtual void do_on_validation_batch_end(const AnyBatch&,
                                          const StepContext&) = 0;
  virtual void do_on_test_batch_start(const AnyBatch&, StepContext&) = 0;
  virtual void do_on_test_batch_end(const AnyBatch&, const StepContext&) = 0;
  virtual void do_on_predict_batch_start(const AnyBatch&, StepContext&) = 0;
  virtual void do_on_predict_batch_end(const Prediction&, const AnyBatch&,
                                       const StepContext&) = 0;
  virtual void do_on_before_batch_transfer(AnyBatch&, int64_t) = 0;
  virtual void do_transfer_batch_to_device(AnyBatch&, const at::Device&,
                                           int64_t) = 0;
  virtual void do_on_after_batch_transfer(AnyBatch&, int64_t) = 0;

 private:
  Trainer* trainer_ = nullptr;
  detail::Hook hook_{};
  std::vector<std::pair<std::string, metrics::Metric*>> metrics_{};
  // Train/eval mode of each submodule while an evaluation runs.
  std::vector<std::pair<torch::nn::Module*, bool>> modes_{};
};

}  // namespace bolt
