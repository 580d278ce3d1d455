#pragma once

#include <torchbolt/core/clock.h>
#include <torchbolt/core/log.h>
#include <torchbolt/trainer/trainer.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "trainer/access.h"
#include "trainer/checkpoint_restorer.h"
#include "trainer/checkpoints.h"
#include "trainer/fetcher.h"
#include "trainer/hook.h"
#include "trainer/log_book.h"
#include "trainer/run_signals.h"

namespace bolt::detail {

class FitLoop;
class EvaluationLoop;
class PredictionLoop;

/// What belongs to a stage of the data: how it is limited, and where its
/// loaders come from.
enum class DataStage { kTrain, kVal, kTest, kPredict };

/// "train", "val", "test" or "predict", as in `limit_val_batches`.
std::string_view to_string(DataStage stage);

/// All that a Trainer is; the loops work on it. See run.cpp for what happens
/// around a loop.
class TrainerCore {
 public:
  TrainerCore(Trainer& trainer, TrainerOptions arguments);
  ~TrainerCore();

  void fit(RunRequest request);
  EvaluateResults evaluate(Stage function, RunRequest request);
  Predictions predict(RunRequest request);

  /// The module is going, or another takes its place.
  void forget_module();

  // -- calling hooks -------------------------------------------------------

  /// A hook that callbacks and the module have: callbacks first.
  template <class... A, class... B>
  void hook(Hook hook, void (Callback::*on_callback)(Trainer&, Module&, A...),
            void (Module::*on_module)(B...), std::type_identity_t<A>... args) {
    const HookScope scope(*module, hook);
    for (const auto& callback : callbacks) {
      ((*callback).*on_callback)(trainer, *module, args...);
    }
    ((*module).*on_module)(args...);
    if (scope.is_outermost()) checkpoints.hook_ended();
  }
  /// A hook that only callbacks have.
  template <class F>
  void hook_callbacks(Hook hook, F&& call) {
    const HookScope scope(*module, hook);
    for (const auto& callback : callbacks) call(*callback);
  }
  /// A hook that only the module has.
  template <class F>
  decltype(auto) hook_module(Hook hook, F&& call) {
    const HookScope scope(*module, hook);
    return call(*module);
  }

  // -- data ----------------------------------------------------------------

  /// Whether the run has loaders of that stage.
  bool has_loaders(DataStage stage) const;
  /// Asks for the loaders, and checks that their batches are the module's.
  /// Several for training become one, a sequential one for evaluation several.
  Loaders request_loaders(DataStage stage);
  /// `limited` for each loader, and for each that is part of a combined one.
  std::vector<int64_t> limits(DataStage stage, const Loaders& loaders) const;
  /// Batches that a loader of `size` runs, by the stage's limit. Throws
  /// ConfigError where the limit doesn't fit.
  int64_t limited(DataStage stage, std::optional<int64_t> size) const;
  const BatchLimit& limit(DataStage stage) const;
  /// Runs the transfer hooks, so that the batch is on the device.
  void transfer(AnyBatch& batch, int64_t dataloader_idx);

  LogPosition log_position() const {
    return {progress.epochs.current.completed, progress.batches_that_stepped};
  }
  bool validation_enabled() const;

  // -- optimization --------------------------------------------------------

  /// The backward pass of a loss, between its hooks.
  void backward(const at::Tensor& loss);
  /// Whether the module optimizes by itself.
  bool manual() const {
    return module != nullptr ? !module->automatic_optimization : was_manual_;
  }
  int64_t global_step() const {
    const Progress& steps =
        manual() ? progress.manual_steps : progress.optimizer_steps;
    return steps.total.completed;
  }
  /// Batches of the k-th optimizer's window: those that make up one step.
  int64_t window(std::size_t k) const {
    return window(k, options.accumulate_grad_batches);
  }
  /// The same where the Trainer accumulates so many.
  int64_t window(std::size_t k, int64_t accumulate) const {
    const int64_t own = optimizer_entries[k].every_n_batches;
    return own != 1 ? own : accumulate;
  }
  /// Whether the k-th optimizer steps on the `ready`-th batch of an epoch.
  bool window_ends(std::size_t k, int64_t ready, bool last) const {
    return last || ready % window(k) == 0;
  }
  /// Throws ConfigError where an optimizer has a cadence of its own, beside
  /// which the Trainer can't accumulate.
  void check_cadences() const;
  /// Global steps of the whole fit, with so many batches in an epoch;
  /// kUnknownBatches where that is more than can be counted.
  int64_t steps_of_fit(int64_t batches) const;
  /// `accumulate_grad_batches` by the first epoch in which it holds, as
  /// callbacks will change it.
  std::map<int64_t, int64_t> accumulation_schedule() const;
  /// How the optimizer's gradients are to be clipped.
  struct ClipSettings {
    std::optional<double> value{};
    std::optional<ClipAlgorithm> algorithm{};
  };
  ClipSettings clip_settings(const torch::optim::Optimizer& optimizer) const;

  Trainer& trainer;
  /// The arguments; those that depend on others are filled in.
  TrainerOptions options;
  Fabric fabric;
  const Clock& clock;

  std::vector<std::shared_ptr<Callback>> callbacks{};
  LogBook log{};
  Checkpoints checkpoints{*this};
  CheckpointRestorer restorer{*this};
  RunSignals signals{*this};
  /// Those that go on where they were when the run's checkpoint was written.
  std::vector<Logger*> resumed_loggers{};
  FitProgress progress{};
  bool should_stop = false;
  /// Training batches run their step and nothing else.
  bool forward_only = false;
  int64_t min_epochs = 0;
  int64_t max_epochs = -1;

  RunningStage stage = RunningStage::kNone;
  RunStatus status = RunStatus::kInitializing;
  std::optional<Stage> function{};

  /// The module that an entry point was given to keep, and the one that the
  /// next is to keep.
  std::shared_ptr<Module> held_module{};
  std::shared_ptr<Module> handed_over{};
  Module* module = nullptr;
  ModuleHooks module_hooks{};
  LightningDataModule* data = nullptr;
  /// Between its setup and its teardown.
  bool data_is_set_up = false;
  /// Its part of checkpoints that are saved behind a fit: as it was at the end.
  State data_of_last_fit = State::map();
  DataHooks data_hooks{};
  RunRequest request{};

  std::vector<std::shared_ptr<torch::optim::Optimizer>> optimizers{};
  /// Their settings; the schedules are all in `schedulers`.
  std::vector<OptimizerEntry> optimizer_entries{};
  std::vector<LRSchedulerConfig> schedulers{};

  std::unique_ptr<FitLoop> fit_loop;
  std::unique_ptr<EvaluationLoop> validate_loop;
  std::unique_ptr<EvaluationLoop> test_loop;
  std::unique_ptr<PredictionLoop> predict_loop;

  std::function<void(std::string_view)> print_target{};
  OnceLog once{};

 private:
  // run.cpp: what surrounds a loop, in order.
  template <class Body>
  void run(Stage function, RunningStage stage, RunRequest request, Body body);
  void check_apart(DataStage stage, const Loaders& loaders) const;

  void refuse_nested(Stage function, Module& module) const;
  void connect(RunRequest request);
  void attach_callbacks();
  void verify() const;
  void verify_fit() const;
  void verify_manual() const;
  void warn_of_transfer_hooks() const;
  void resolve_epoch_limits();
  void start_loggers();
  void prepare();
  void setup_engine();
  void configure_optimizers();
  void set_total_steps();
  /// Epochs in a row that accumulate alike.
  struct EpochRun {
    int64_t epochs = 0;
    int64_t accumulate = 1;
  };
  std::vector<EpochRun> epoch_runs() const;
  int64_t stepping_batches(int64_t batches, int64_t accumulate) const;
  int64_t schedule_steps(const LRSchedulerConfig& config,
                         int64_t global_steps) const;
  void log_hyperparameters();
  void finish();
  void fail(std::exception_ptr error);
  void end();
  void keep_state_of_data();
  void let_go();
  void pass_back(const at::Tensor& loss);

  // The handles that own callbacks came in, which know their classes.
  std::map<const Callback*, CallbackHandle> own_handles_{};
  std::vector<std::shared_ptr<Callback>> own_callbacks_{};
  bool was_manual_ = false;
};

/// Fills in and checks the arguments (options.cpp). Throws ConfigError.
TrainerOptions resolve_options(TrainerOptions options);
/// Arguments that were left at their default, from PL_TRAINER_<NAME>
/// environment variables (options_env.cpp). Throws ConfigError for text that
/// can't be read.
void apply_environment(TrainerOptions& options);
/// Instantiates and orders callbacks (run.cpp).
void order_callbacks(std::vector<std::shared_ptr<Callback>>& callbacks);
void check_state_keys(const std::vector<std::shared_ptr<Callback>>& callbacks);

}  // namespace bolt::detail
