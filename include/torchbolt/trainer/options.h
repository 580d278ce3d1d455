#pragma once

#include <torchbolt/core/clock.h>
#include <torchbolt/core/count_or_share.h>
#include <torchbolt/core/signals.h>
#include <torchbolt/engine/options.h>
#include <torchbolt/engine/precision_plugin.h>
#include <torchbolt/export.h>
#include <torchbolt/trainer/callback.h>
#include <torchbolt/trainer/logger.h>
#include <torchbolt/trainer/trainer_plugin.h>

#include <chrono>
#include <concepts>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace bolt {

/// A number of batches or a share of them: `10` is ten batches, `1` one batch,
/// `1.0` all, `0.1` a tenth.
using BatchLimit = CountOrShare;

/// A length of time: a std::chrono duration, or text "DD:HH:MM:SS". Throws
/// ConfigError for other text.
class TORCHBOLT_API TimeSpan {
 public:
  template <class Rep, class Period>
  TimeSpan(std::chrono::duration<Rep, Period> time)
      : TimeSpan(std::chrono::duration<long double, std::nano>(time)) {}
  /// Longer ones than the clock can count (146 years) are cut to that.
  TimeSpan(std::chrono::duration<long double, std::nano> time);
  TimeSpan(const char* text) : TimeSpan(std::string_view(text)) {}
  TimeSpan(const std::string& text) : TimeSpan(std::string_view(text)) {}
  TimeSpan(std::string_view text);

  std::chrono::nanoseconds time() const { return time_; }
  friend bool operator==(const TimeSpan&, const TimeSpan&) = default;

 private:
  std::chrono::nanoseconds time_{};
};

/// How often to validate: every so many batches, a share of the epoch, or a
/// length of time.
class TORCHBOLT_API ValCheckInterval {
 public:
  template <class T>
    requires std::convertible_to<T, BatchLimit> && std::is_arithmetic_v<T>
  ValCheckInterval(T batches) : value_(BatchLimit(batches)) {}
  template <class T>
    requires std::convertible_to<T, TimeSpan> && (!std::is_arithmetic_v<T>)
  ValCheckInterval(T time) : value_(TimeSpan(time)) {}

  bool is_time() const { return std::holds_alternative<TimeSpan>(value_); }
  std::chrono::nanoseconds time() const {
    return std::get<TimeSpan>(value_).time();
  }
  const BatchLimit& batches() const { return std::get<BatchLimit>(value_); }
  /// Whether it is 1, as a share or as a count: Lightning, where 1 == 1.0,
  /// takes either for "once per epoch" when it chooses a callback's default.
  bool is_one() const {
    return !is_time() && (batches().is_count() ? batches().count() == 1
                                               : batches().share() == 1.0);
  }

  friend bool operator==(const ValCheckInterval&,
                         const ValCheckInterval&) = default;

 private:
  std::variant<BatchLimit, TimeSpan> value_;
};

/// `fast_dev_run`: `false`, `true` (one batch of everything) or a number of
/// batches.
class TORCHBOLT_API FastDevRun {
 public:
  FastDevRun() = default;
  template <std::integral T>
  FastDevRun(T batches) : batches_(static_cast<int64_t>(batches)) {}

  int64_t batches() const { return batches_; }
  explicit operator bool() const { return batches_ > 0; }
  friend bool operator==(const FastDevRun&, const FastDevRun&) = default;

 private:
  int64_t batches_ = 0;
};

/// Whether operations must give the same result each time.
enum class Deterministic {
  kUnset,  ///< The process's own setting stays.
  kOff,
  kOn,
  kWarn,  ///< Warns where an operation can't.
};

/// Throws ConfigError for text other than "true", "false", "warn".
TORCHBOLT_API Deterministic parse_deterministic(std::string_view text);

/// What a fit does when the system tells it to go: SIGTERM (a time limit, a
/// machine that is needed elsewhere, `kill`) or `requeue_signal`. After the
/// batch at work it writes hpc_ckpt_<n>.ckpt into `default_root_dir`, before
/// anything else, then ends with Interrupted. ckpt_path "hpc" or "last" goes on
/// from there; a fit that then ends well takes the file away.
///
///     // sbatch --signal=USR1@120
///     bolt::Trainer trainer({.preemption = {.grace_time = 100s}});
struct PreemptionOptions {
  /// Writes that checkpoint, unless `enable_checkpointing` is off.
  bool save = true;
  /// How long after the signal the process may take. Then it ends, whatever it
  /// is doing, with exit code 128 + signal; a file that is being written is
  /// dropped, and those before stay. None: as long as it takes. Of several
  /// Trainers that run at a time the first one's counts.
  std::optional<TimeSpan> grace_time{};
  /// In a SLURM job `requeue_signal` puts the job back into the queue, too,
  /// whatever is running
  /// (`scontrol requeue`), and a fit without a ckpt_path goes on from the
  /// newest hpc_ckpt_<n>.ckpt.
  bool auto_requeue = true;
  /// The signal beside SIGTERM. A program's own handler for SIGUSR1 or SIGUSR2
  /// stays, and the fit then doesn't hear of it.
  int requeue_signal = SIGUSR1;
};

/// What the Trainer takes from its surroundings; tests replace it.
struct TrainerSeams {
  /// Clock of time limits and intervals; null = the system's.
  const Clock* clock = nullptr;
  /// Makes what tells of signals; empty = the process's signals. Called twice a
  /// run, for its set-up and for the rest; for a moment both are there.
  std::function<std::unique_ptr<SignalSource>()> signals{};
};

/// Arguments of a Trainer, under Lightning's names. Every field has a default;
/// set those that matter with designated initialisers, in this order. One that
/// is left at its default is taken from the environment variable
/// PL_TRAINER_<NAME>, where there is one: PL_TRAINER_MAX_EPOCHS=3.
struct TrainerOptions {
  /// Epochs to train; -1: no limit. Default: 1000, unless `max_steps` or
  /// `max_time` is given.
  std::optional<int64_t> max_epochs{};
  /// No early stop before as many epochs.
  std::optional<int64_t> min_epochs{};
  /// Optimizer steps to train; -1: no limit.
  int64_t max_steps = -1;
  /// No early stop before as many optimizer steps.
  std::optional<int64_t> min_steps{};
  /// Stops after this time: `2h`, or "DD:HH:MM:SS".
  std::optional<TimeSpan> max_time{};

  /// Batches of each stage: `10` is ten, `0.1` a tenth, 0 turns it off.
  std::optional<BatchLimit> limit_train_batches{};
  std::optional<BatchLimit> limit_val_batches{};
  std::optional<BatchLimit> limit_test_batches{};
  std::optional<BatchLimit> limit_predict_batches{};
  /// Trains and validates on so many batches, in the same order each time; in
  /// place of the two limits.
  BatchLimit overfit_batches = 0.0;
  /// Runs one batch (or so many) of everything, without logs: does it work?
  FastDevRun fast_dev_run{};

  /// Validates every so many batches (`100`), so often per epoch (`0.25`), or
  /// so often in time ("00:00:10:00", `10min`). Default: after each epoch.
  std::optional<ValCheckInterval> val_check_interval{};
  /// Validates in every n-th epoch only; none: `val_check_interval` counts
  /// batches over all epochs.
  std::optional<int64_t> check_val_every_n_epoch = 1;
  /// Validation batches tried before training, per loader; -1: all. Default 2.
  std::optional<int64_t> num_sanity_val_steps{};

  Accelerator accelerator = Accelerator::kAuto;
  Devices devices{};
  int64_t num_nodes = 1;
  Strategy strategy = Strategy::kAuto;
  /// docs/guide/precision.md says what each setting does.
  Precision precision = Precision::k32True;

  /// Batches whose gradients make one optimizer step.
  int64_t accumulate_grad_batches = 1;
  /// Clips gradients at this value; none or <= 0: not at all.
  std::optional<double> gradient_clip_val{};
  std::optional<ClipAlgorithm> gradient_clip_algorithm{};

  std::vector<CallbackHandle> callbacks{};
  /// One, several, `true` (a TensorBoardLogger) or `false`. Default `true`.
  LoggerOption logger{};
  /// Sends step metrics to the loggers on every n-th step; 0: never. Default
  /// 50.
  std::optional<int64_t> log_every_n_steps{};

  /// Whether a fit writes checkpoints. Default: yes; where no callback does, a
  /// ModelCheckpoint keeps the newest epoch's.
  std::optional<bool> enable_checkpointing{};
  /// Default: yes, unless a progress bar is among the callbacks.
  std::optional<bool> enable_progress_bar{};
  /// Default: yes; one among the callbacks takes the place of the usual one.
  std::optional<bool> enable_model_summary{};

  Deterministic deterministic = Deterministic::kUnset;
  /// Lets cuDNN try out its algorithms; none: as it is.
  std::optional<bool> benchmark{};
  /// Evaluates in inference mode (else only without gradients). Validation
  /// inside a fit never does.
  bool inference_mode = true;
  /// Finds the operation that made a NaN in the backward pass, and checks the
  /// loss. Slow.
  bool detect_anomaly = false;
  /// Turns off all that isn't the bare loop.
  bool barebones = false;

  /// "simple", "advanced", "pytorch" or "xla".
  std::optional<std::string> profiler{};
  /// A precision plug-in of your own, in place of `precision`; where
  /// checkpoints go: see PrecisionPlugin, CheckpointIO and AsyncCheckpointIO.
  std::vector<TrainerPlugin> plugins{};
  bool use_distributed_sampler = true;
  bool sync_batchnorm = false;
  /// Asks for new loaders every n epochs; 0: never.
  int64_t reload_dataloaders_every_n_epochs = 0;
  /// Where logs go that were given no folder; `~` is expanded. Default: the
  /// working directory.
  std::optional<std::filesystem::path> default_root_dir{};
  /// Logs hyper-parameters when a run starts.
  bool enable_autolog_hparams = true;
  std::optional<std::string> model_registry{};
  /// What a fit does when SIGTERM or SIGUSR1 comes.
  PreemptionOptions preemption{};
  /// Whether a checkpoint that can't be written (a full disk, a folder that is
  /// gone) ends the run. If not, the log says so, the files before stay, and
  /// training goes on.
  bool stop_on_checkpoint_error = true;

  TrainerSeams seams{};
};

}  // namespace bolt
