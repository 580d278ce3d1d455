#pragma once

#include <torchbolt/core/error.h>
#include <torchbolt/data/combined_loader.h>
#include <torchbolt/data/data_module.h>
#include <torchbolt/engine/fabric.h>
#include <torchbolt/export.h>
#include <torchbolt/trainer/lightning_module.h>
#include <torchbolt/trainer/logger.h>
#include <torchbolt/trainer/options.h>
#include <torchbolt/trainer/progress.h>
#include <torchbolt/trainer/run_request.h>

#include <concepts>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>
#include <vector>

namespace bolt {

/// A run ended by a signal, between two batches: Ctrl-C, SIGTERM, or SIGUSR1 in
/// a fit (see PreemptionOptions). Hooks ran, files are whole. Catch it in
/// `main` and end with its exit code.
class TORCHBOLT_API Interrupted : public std::runtime_error {
 public:
  explicit Interrupted(int signal);
  int signal() const { return signal_; }
  /// 128 + signal: 130 after Ctrl-C, 143 after SIGTERM, 138 after SIGUSR1.
  int exit_code() const { return 128 + signal_; }

 private:
  int signal_;
};

/// More about one `fit`.
struct FitOptions {
  /// Checkpoint to go on from: a path; "last", the newest that the Trainer's
  /// checkpoint callbacks would write as their last (none: the fit begins
  /// anew); "best"; or "hpc", the newest hpc_ckpt_<n>.ckpt.
  std::optional<std::string> ckpt_path{};
  /// Whether a request to stop (EarlyStopping's, say) that was made before the
  /// checkpoint holds for this fit. false: it trains on.
  bool keep_stop_request = true;
};

/// More about one `validate`, `test` or `predict`.
struct EvaluateOptions {
  /// Checkpoint of the weights; see FitOptions.
  std::optional<std::string> ckpt_path{};
  /// Prints a table of the results.
  bool verbose = true;
  /// Collects the predictions (else they go to the hooks only).
  bool return_predictions = true;
};

/// Metrics of an evaluation, one map for each loader that has batches, as in
/// Lightning.
using EvaluateResults = std::vector<MetricMap>;
/// Predictions: for each loader, for each batch.
using Predictions = std::vector<std::vector<Prediction>>;

/// A number of batches that may be unknown.
inline constexpr int64_t kUnknownBatches = std::numeric_limits<int64_t>::max();

namespace detail {
class TrainerCore;
}

/// Runs a LightningModule: the loops, and everything around them. Make one from
/// TrainerOptions, then call `fit`, `validate`, `test` or `predict`, as often
/// as needed; counters and callbacks go on from call to call. Not thread-safe;
/// two Trainers in two threads share nothing of ours.
///
///     bolt::Trainer trainer({.max_epochs = 3});
///     trainer.fit(model, train_loader, val_loader);
///     trainer.test(model, test_loader);
///
/// Every entry point throws ConfigError before it starts work when something
/// doesn't fit, and passes on unchanged what a hook throws, after
/// `on_exception` has run and everything is let go of. It throws Interrupted
/// after Ctrl-C.
class TORCHBOLT_API Trainer {
 public:
  /// Throws ConfigError, naming the argument.
  explicit Trainer(TrainerOptions options = {});
  ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  /// Trains. Loaders: ours, torch's, or any range of the module's batches; see
  /// Loaders. Several training loaders give the batch its parts; see
  /// CombinedLoader. A second call goes on where the first ended.
  template <detail::ModuleClass M>
  void fit(M& module, TrainLoadersOf<detail::BatchType<M>> train,
           LoadersOf<detail::BatchType<M>> val = {}, FitOptions options = {}) {
    auto r = detail::request(module);
    r.train = std::move(train);
    r.eval = std::move(val);
    run_fit(with(std::move(r), options));
  }
  /// Trains on a data module's data.
  template <detail::ModuleClass M, std::derived_from<LightningDataModule> D>
  void fit(M& module, D& data, FitOptions options = {}) {
    run_fit(with(detail::request(module, data), options));
  }
  /// Trains on the loaders of the module's own hooks.
  template <detail::ModuleClass M>
  void fit(M& module, FitOptions options = {}) {
    run_fit(with(detail::request(module), options));
  }
  /// The same for a module in a `shared_ptr`, which the Trainer then holds.
  template <detail::ModuleClass M, class... Args>
  void fit(std::shared_ptr<M> module, Args&&... args) {
    fit(hold(std::move(module)), std::forward<Args>(args)...);
  }
  /// The same for a module that is created by this call: `factory` returns a
  /// `shared_ptr` or `unique_ptr`, and may create its parameters where
  /// `fabric().device()` says. The Trainer holds it; see `module()`.
  template <detail::ModuleFactory F, class... Args>
  void fit(F&& factory, Args&&... args) {
    using M = std::remove_reference_t<decltype(*factory())>;
    fit(hold(std::shared_ptr<M>(factory())), std::forward<Args>(args)...);
  }

  /// Runs the validation loop; gives back the metrics of each loader.
  template <detail::ModuleClass M>
  EvaluateResults validate(M& module, LoadersOf<detail::BatchType<M>> loaders,
                           EvaluateOptions options = {}) {
    return evaluate(Stage::kValidate, module, std::move(loaders), options);
  }
  template <detail::ModuleClass M, std::derived_from<LightningDataModule> D>
  EvaluateResults validate(M& module, D& data, EvaluateOptions options = {}) {
    return run_evaluate(Stage::kValidate,
                        with(detail::request(module, data), options));
  }
  template <detail::ModuleClass M>
  EvaluateResults validate(M& module, EvaluateOptions options = {}) {
    return run_evaluate(Stage::kValidate,
                        with(detail::request(module), options));
  }
  template <detail::ModuleClass M, class... Args>
  EvaluateResults validate(std::shared_ptr<M> module, Args&&... args) {
    return validate(hold(std::move(module)), std::forward<Args>(args)...);
  }
  /// With the module of the run before, and its own loaders unless some are
  /// given. Throws ConfigError when there was none, or it is gone.
  EvaluateResults validate(Loaders loaders = {}, EvaluateOptions options = {});

  /// Runs the test loop; gives back the metrics of each loader.
  template <detail::ModuleClass M>
  EvaluateResults test(M& module, LoadersOf<detail::BatchType<M>> loaders,
                       EvaluateOptions options = {}) {
    return evaluate(Stage::kTest, module, std::move(loaders), options);
  }
  template <detail::ModuleClass M, std::derived_from<LightningDataModule> D>
  EvaluateResults test(M& module, D& data, EvaluateOptions options = {}) {
    return run_evaluate(Stage::kTest,
                        with(detail::request(module, data), options));
  }
  template <detail::ModuleClass M>
  EvaluateResults test(M& module, EvaluateOptions options = {}) {
    return run_evaluate(Stage::kTest, with(detail::request(module), options));
  }
  template <detail::ModuleClass M, class... Args>
  EvaluateResults test(std::shared_ptr<M> module, Args&&... args) {
    return test(hold(std::move(module)), std::forward<Args>(args)...);
  }
  /// With the module of the run before; see `validate`.
  EvaluateResults test(Loaders loaders = {}, EvaluateOptions options = {});

  /// Runs `predict_step` on every batch; gives back what it returned, moved to
  /// the CPU.
  template <detail::ModuleClass M>
  Predictions predict(M& module, LoadersOf<detail::BatchType<M>> loaders,
                      EvaluateOptions options = {}) {
    auto r = with(detail::request(module), options);
    r.eval = std::move(loaders);
    return run_predict(std::move(r));
  }
  template <detail::ModuleClass M, std::derived_from<LightningDataModule> D>
  Predictions predict(M& module, D& data, EvaluateOptions options = {}) {
    return run_predict(with(detail::request(module, data), options));
  }
  template <detail::ModuleClass M>
  Predictions predict(M& module, EvaluateOptions options = {}) {
    return run_predict(with(detail::request(module), options));
  }
  template <detail::ModuleClass M, class... Args>
  Predictions predict(std::shared_ptr<M> module, Args&&... args) {
    return predict(hold(std::move(module)), std::forward<Args>(args)...);
  }
  /// With the module of the run before; see `validate`.
  Predictions predict(Loaders loaders = {}, EvaluateOptions options = {});

  /// Writes a checkpoint of now: the weights, and unless `weights_only` all
  /// that a run needs to go on from there as if it had not ended. Saved in a
  /// hook, a run goes on behind that hook: what the hook itself does afterwards
  /// isn't done again. Saved behind a fit, it has the data module's part as
  /// that was when the fit ended. docs/guide/checkpoints.md says more. Throws
  /// ConfigError before the first run, Error when the file can't be written.
  void save_checkpoint(const std::filesystem::path& path,
                       bool weights_only = false);
  /// The same for a callback: the file is written when the running hook is over
  /// for all callbacks and the module, and then `then` is called.
  void save_checkpoint_after_hook(const Callback& who,
                                  const std::filesystem::path& path,
                                  bool weights_only = false,
                                  std::function<void()> then = {});
  /// For the setup of a callback that will save checkpoints: throws where a fit
  /// is to run and the CheckpointIO can store nothing in this folder; with
  /// `stop_on_checkpoint_error = false` that is logged. A `fast_dev_run` and
  /// the other entry points store nothing, so that nothing is asked there.
  void check_checkpoint_folder(const std::filesystem::path& folder);
  /// Takes a checkpoint away, when those that were saved before are there; none
  /// is no error.
  void remove_checkpoint(const std::filesystem::path& path);
  /// Makes `link` another name of the checkpoint `target`, when that and those
  /// that were saved before are there. Returns whether it does; false: it can't
  /// be made, and training goes on without.
  bool link_checkpoint(const std::filesystem::path& target,
                       const std::filesystem::path& link);
  /// Calls `then` when the running hook is over, behind the files that wait for
  /// that; at once outside of hooks.
  void after_hook(std::function<void()> then);
  /// Whether there is such a file, or will be when the running hook is over.
  bool checkpoint_exists(const std::filesystem::path& path) const;
  /// The file that the run goes on from, if any.
  std::optional<std::filesystem::path> ckpt_path() const;

  /// Asks the run to end after this batch (and the validation that belongs to
  /// it), if `min_epochs` and `min_steps` are met.
  void request_stop();
  void set_should_stop(bool stop);
  bool should_stop() const;

  /// Optimizer steps done.
  int64_t global_step() const;
  /// Epochs completed; inside the hooks of epoch k it is k.
  int64_t current_epoch() const;
  /// Whether this is the last batch of the epoch.
  bool is_last_batch() const;
  const FitProgress& progress() const;

  /// How long the last epoch of a fit waited for its loader.
  const DataWait& epoch_data_wait() const;
  /// How long the whole fit did.
  const DataWait& data_wait() const;

  RunningStage stage() const;
  RunStatus status() const;
  bool training() const { return stage() == RunningStage::kTrain; }
  bool validating() const { return stage() == RunningStage::kValidate; }
  bool testing() const { return stage() == RunningStage::kTest; }
  bool predicting() const { return stage() == RunningStage::kPredict; }
  bool sanity_checking() const { return stage() == RunningStage::kSanityCheck; }
  /// What the running, or last, entry point was; none before the first.
  std::optional<Stage> function() const;
  /// Whether the last run was interrupted, or ended by an exception.
  bool interrupted() const { return status() == RunStatus::kInterrupted; }

  /// Batches that an epoch, or an evaluation, runs, limits counted in;
  /// kUnknownBatches where the loader doesn't know.
  int64_t num_training_batches() const;
  std::vector<int64_t> num_val_batches() const;
  std::vector<int64_t> num_test_batches() const;
  std::vector<int64_t> num_predict_batches() const;
  std::vector<int64_t> num_sanity_val_batches() const;
  /// Optimizer steps that a whole fit makes; kUnknownBatches without a limit.
  /// What GradientAccumulationScheduler will do counts in. Loads the training
  /// loader when it isn't there yet. Throws ConfigError before the first fit.
  int64_t estimated_stepping_batches();
  /// Whether validation is part of the fit.
  bool enable_validation() const;

  /// Latest values of all that was logged, by name; docs/logging.md says which
  /// names. Reading them waits for the device that holds them.
  MetricMap callback_metrics() const;
  MetricMap logged_metrics() const;
  MetricMap progress_bar_metrics() const;
  /// Sends values straight to the loggers, at the step that step metrics have
  /// now, and puts them among `callback_metrics()`: for callbacks that know the
  /// numbers already. No epoch is added.
  void report(const MetricMap& metrics);
  /// The same for values that are among `logged_metrics()` instead, with the
  /// epoch, as the module's own have it. `step`: another step, without epoch.
  void log_metrics(const MetricMap& metrics, std::optional<int64_t> step = {});
  /// Whether the metrics of the running training batch go to the loggers; see
  /// `log_every_n_steps`.
  bool logging_is_due() const;

  /// The arguments, with defaults filled in.
  const TrainerOptions& options() const;
  int64_t max_epochs() const;
  /// For the running fit; the next one begins with the argument again. -1: no
  /// limit.
  void set_max_epochs(int64_t epochs);
  int64_t max_steps() const;
  /// May be changed during training; read for every batch. Throws ConfigError
  /// where an optimizer of the fit has an `every_n_batches` of its own.
  void set_accumulate_grad_batches(int64_t batches);
  int64_t accumulate_grad_batches() const;
  /// While it is on, training batches run `training_step` alone, without
  /// backward passes and steps: for passes that only measure. Each fit begins
  /// with it off. Throws ConfigError under manual optimization.
  void set_forward_only(bool on);
  /// Whether this run is a `fast_dev_run`.
  bool fast_dev_run() const;

  const std::vector<std::shared_ptr<Callback>>& callbacks() const;
  /// The first callback of type `C`. Throws ConfigError when there is none.
  template <std::derived_from<Callback> C>
  C& callback() const {
    if (C* found = find_callback<C>()) return *found;
    throw_no_callback(typeid(C));
  }
  /// The first callback of type `C`, or null.
  template <std::derived_from<Callback> C>
  C* find_callback() const {
    for (const auto& callback : callbacks()) {
      if (C* found = dynamic_cast<C*>(callback.get())) return found;
    }
    return nullptr;
  }
  /// In a dry run, and on ranks other than 0 (see `process_rank`), these are
  /// others, which keep nothing; a rank's folders are
  /// default_root_dir/rank_1/version_0 and so on.
  const std::vector<std::shared_ptr<Logger>>& loggers() const;
  /// The first logger, or null.
  Logger* logger() const;
  /// The first logger's folder, else `default_root_dir()`.
  std::filesystem::path log_dir() const;
  std::filesystem::path default_root_dir() const;

  /// The module of the running, or last, entry point. Throws ConfigError
  /// before the first, and when that module is gone.
  Module& module() const;
  /// Which steps and hooks that module overrides.
  const ModuleHooks& module_hooks() const;
  /// The data module of the running entry point, or null.
  LightningDataModule* data_module() const;
  /// The optimizers of the fit.
  const std::vector<std::shared_ptr<torch::optim::Optimizer>>& optimizers()
      const;
  std::vector<LRSchedulerConfig>& lr_scheduler_configs() const;

  /// The engine: device, precision, processes.
  Fabric& fabric() const;
  bool is_global_zero() const { return fabric().is_global_zero(); }
  int64_t world_size() const { return fabric().world_size(); }

  /// What the run goes by; see `TrainerOptions::seams`.
  const Clock& clock() const;

  /// Writes a line for a person, on rank 0, to the standard output, or above
  /// the progress bar when there is one.
  void print(std::string_view line) const;
  /// Where `print` goes; empty = the standard output. A progress bar sets it.
  void set_print_target(std::function<void(std::string_view)> target);

 private:
  friend struct detail::TrainerAccess;

  template <class M>
  M& hold(std::shared_ptr<M> module) {
    if (module == nullptr) throw_no_module();
    M& ref = *module;
    hold_module(std::move(module));
    return ref;
  }
  /// The module of the run before, and these loaders.
  detail::RunRequest again(Loaders loaders) const;
  static detail::RunRequest with(detail::RunRequest request,
                                 FitOptions& options) {
    request.ckpt_path = std::move(options.ckpt_path);
    request.keep_stop_request = options.keep_stop_request;
    return request;
  }
  static detail::RunRequest with(detail::RunRequest request,
                                 EvaluateOptions& options) {
    request.ckpt_path = std::move(options.ckpt_path);
    request.verbose = options.verbose;
    request.return_predictions = options.return_predictions;
    return request;
  }
  template <class M>
  EvaluateResults evaluate(Stage stage, M& module, Loaders loaders,
                           EvaluateOptions& options) {
    auto r = with(detail::request(module), options);
    r.eval = std::move(loaders);
    return run_evaluate(stage, std::move(r));
  }

  void hold_module(std::shared_ptr<Module> module);
  void run_fit(detail::RunRequest request);
  EvaluateResults run_evaluate(Stage stage, detail::RunRequest request);
  Predictions run_predict(detail::RunRequest request);
  [[noreturn]] static void throw_no_module();
  [[noreturn]] static void throw_no_callback(const std::type_info& type);

  std::unique_ptr<detail::TrainerCore> core_;
};

}  // namespace bolt
