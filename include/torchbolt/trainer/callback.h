#pragma once

#include <ATen/core/Tensor.h>
#include <torchbolt/core/plugin_handle.h>
#include <torchbolt/core/stage.h>
#include <torchbolt/data/batch.h>
#include <torchbolt/export.h>
#include <torchbolt/state/state.h>
#include <torchbolt/trainer/log_options.h>
#include <torchbolt/trainer/step.h>

#include <cstdint>
#include <exception>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace torch::optim {
class Optimizer;
}

namespace bolt {

class Module;
class Trainer;
namespace detail {
struct TrainerAccess;
}

/// Where a callback stands among the others, whatever the order of the list.
enum class CallbackOrder { kTuner, kOrdinary, kCheckpoint };

/// Something that happens beside the training: stop, save, report, change.
/// Derive from it and override the hooks that matter; the names and the order
/// are Lightning's. For each hook the callbacks run first, in list order, then
/// the module's own hook. One thread calls them all.
///
///     struct Shout : bolt::Callback {
///       void on_train_epoch_end(bolt::Trainer&, bolt::Module& module) override
///       {
///         module.print("an epoch is over");
///       }
///     };
///
/// Call sequence of a fit:
///
///     setup
///     └ on_fit_start
///       ├ on_sanity_check_start … validation … on_sanity_check_end
///       ├ on_train_start
///       │ ├ on_train_epoch_start                            each epoch
///       │ │ ├ on_train_batch_start                          each batch
///       │ │ │ on_before_zero_grad
///       │ │ │ on_before_backward, on_after_backward
///       │ │ │ on_before_optimizer_step
///       │ │ ├ on_train_batch_end
///       │ │ └ on_validation_start … on_validation_end       when due
///       │ └ on_train_epoch_end
///       ├ on_train_end
///       └ on_fit_end
///     teardown
///
/// and of an evaluation (validation, test, predict): on_x_start,
/// on_x_epoch_start, (on_x_batch_start, on_x_batch_end) each batch,
/// on_x_epoch_end, on_x_end. After an exception `on_exception` is the last.
class TORCHBOLT_API Callback {
 public:
  virtual ~Callback() = default;

  virtual void setup(Trainer&, Module&, Stage) {}
  virtual void teardown(Trainer&, Module&, Stage) {}
  virtual void on_fit_start(Trainer&, Module&) {}
  virtual void on_fit_end(Trainer&, Module&) {}
  virtual void on_sanity_check_start(Trainer&, Module&) {}
  virtual void on_sanity_check_end(Trainer&, Module&) {}
  virtual void on_train_start(Trainer&, Module&) {}
  virtual void on_train_end(Trainer&, Module&) {}
  virtual void on_train_epoch_start(Trainer&, Module&) {}
  /// Callbacks that monitor a metric get it after the module's own hook.
  virtual void on_train_epoch_end(Trainer&, Module&) {}
  virtual void on_train_batch_start(Trainer&, Module&, const AnyBatch&,
                                    const StepContext&) {}
  virtual void on_train_batch_end(Trainer&, Module&, const StepOutput&,
                                  const AnyBatch&, const StepContext&) {}
  virtual void on_before_zero_grad(Trainer&, Module&,
                                   torch::optim::Optimizer&) {}
  virtual void on_before_backward(Trainer&, Module&, const at::Tensor& loss) {
    (void)loss;
  }
  virtual void on_after_backward(Trainer&, Module&) {}
  virtual void on_before_optimizer_step(Trainer&, Module&,
                                        torch::optim::Optimizer&) {}

  virtual void on_validation_start(Trainer&, Module&) {}
  virtual void on_validation_end(Trainer&, Module&) {}
  virtual void on_validation_epoch_start(Trainer&, Module&) {}
  virtual void on_validation_epoch_end(Trainer&, Module&) {}
  virtual void on_validation_batch_start(Trainer&, Module&, const AnyBatch&,
                                         const StepContext&) {}
  virtual void on_validation_batch_end(Trainer&, Module&, const AnyBatch&,
                                       const StepContext&) {}

  virtual void on_test_start(Trainer&, Module&) {}
  virtual void on_test_end(Trainer&, Module&) {}
  virtual void on_test_epoch_start(Trainer&, Module&) {}
  virtual void on_test_epoch_end(Trainer&, Module&) {}
  virtual void on_test_batch_start(Trainer&, Module&, const AnyBatch&,
                                   const StepContext&) {}
  virtual void on_test_batch_end(Trainer&, Module&, const AnyBatch&,
                                 const StepContext&) {}

  virtual void on_predict_start(Trainer&, Module&) {}
  virtual void on_predict_end(Trainer&, Module&) {}
  virtual void on_predict_epoch_start(Trainer&, Module&) {}
  virtual void on_predict_epoch_end(Trainer&, Module&) {}
  virtual void on_predict_batch_start(Trainer&, Module&, const AnyBatch&,
                                      const StepContext&) {}
  virtual void on_predict_batch_end(Trainer&, Module&, const Prediction&,
                                    const AnyBatch&, const StepContext&) {}

  /// An entry point ends with this exception; it is rethrown afterwards.
  virtual void on_exception(Trainer&, Module&, std::exception_ptr) {}

  /// As the module's hooks of these names.
  virtual void on_save_checkpoint(Trainer&, Module&, State& checkpoint) {
    (void)checkpoint;
  }
  virtual void on_load_checkpoint(Trainer&, Module&, const State& checkpoint) {
    (void)checkpoint;
  }

  /// What a checkpoint keeps of the callback; none = nothing.
  virtual State state() const { return {}; }
  virtual void load_state(const State& state) { (void)state; }
  /// Name of that state, unlike that of every other callback of the Trainer
  /// that has state. Default: the class's name.
  virtual std::string state_key() const;

  /// Whether it watches a logged metric; see on_train_epoch_end.
  virtual bool monitors() const { return false; }
  /// Where it changes `accumulate_grad_batches` as epochs go by: the batches of
  /// a step by the first epoch (from 0) in which they hold. The Trainer counts
  /// the steps of a fit by it. Empty: it doesn't.
  virtual std::map<int64_t, int64_t> accumulation_schedule() const {
    return {};
  }
  virtual CallbackOrder order() const { return CallbackOrder::kOrdinary; }

 protected:
  /// As the module's `log()`, where that is allowed. Throws ConfigError outside
  /// of a run.
  void log(std::string_view name, LogValue value,
           const LogOptions& options = {});
  /// As the module's `log_dict()`.
  void log_dict(
      std::initializer_list<std::pair<std::string_view, LogValue>> values,
      const LogOptions& options = {}) {
    for (const auto& [name, value] : values) log(name, value, options);
  }
  template <LogValues Values>
  void log_dict(Values&& values, const LogOptions& options = {}) {
    for (auto&& [name, value] : values) log(name, value, options);
  }

 private:
  friend struct detail::TrainerAccess;
  Module* module_ = nullptr;
};

/// A callback in a Trainer's list: by value, or as `shared_ptr`.
using CallbackHandle = PluginHandle<Callback>;

}  // namespace bolt
