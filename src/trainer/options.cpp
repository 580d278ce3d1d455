#include <torchbolt/core/duration.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>
#include <torchbolt/trainer/options.h>

#include <cmath>
#include <string>
#include <utility>

#include "trainer/checks.h"
#include "trainer/core.h"

namespace bolt {

TimeSpan::TimeSpan(std::chrono::duration<long double, std::nano> time) {
  if (std::isnan(time.count())) {
    throw ConfigError(
        {.where = "TimeSpan", .what = "the time is no number", .got = "nan"});
  }
  // Clocks count nanoseconds in 64 bits; half of them, so that sums of two fit.
  using Limit = std::chrono::duration<long double, std::nano>;
  const Limit most = std::chrono::nanoseconds::max() / 2;
  time_ = std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::clamp(time, -most, most));
}

TimeSpan::TimeSpan(std::string_view text) {
  const auto time = parse_duration(text);
  if (!time) {
    throw ConfigError({.where = "TimeSpan",
                       .what = "the time can't be read",
                       .got = "\"" + std::string(text) + "\"",
                       .expected = "\"DD:HH:MM:SS\", four whole numbers",
                       .tip = "a duration such as 90min"});
  }
  time_ = *time;
}

Deterministic parse_deterministic(std::string_view text) {
  if (text == "true") return Deterministic::kOn;
  if (text == "false") return Deterministic::kOff;
  if (text == "warn") return Deterministic::kWarn;
  throw ConfigError({.where = "deterministic",
                     .what = "the value is not known",
                     .got = "\"" + std::string(text) + "\"",
                     .expected = "true, false or warn"});
}

namespace detail {
namespace {

[[noreturn]] void refuse(std::string_view argument, std::string got,
                         std::string expected) {
  throw ConfigError({.where = "Trainer",
                     .what = std::string(argument) + " has a wrong value",
                     .got = std::move(got),
                     .expected = std::move(expected)});
}

void at_least(std::string_view argument, std::optional<int64_t> value,
              int64_t least) {
  if (!value || *value >= least) return;
  refuse(argument, std::to_string(*value),
         least == -1 ? "at least 0, or -1 for no limit"
                     : "at least " + std::to_string(least));
}

// 0 ≤ x ≤ 1 is a share, a larger whole number a count.
BatchLimit checked(std::string_view argument, const BatchLimit& limit) {
  constexpr const char* kExpected =
      "a number of batches (10), or a share of them between 0.0 and 1.0";
  if (limit.is_count()) {
    if (limit.count() < 0) refuse(argument, limit.text(), kExpected);
    return limit;
  }
  const double share = limit.share();
  if (share >= 0 && share <= 1) return limit;
  if (share > 1 && std::floor(share) == share && share < 1e15) {
    return static_cast<int64_t>(share);
  }
  refuse(argument, limit.text(), kExpected);
}

// 1 and 1.0 are easily taken for each other: said aloud.
void tell_one(std::string_view argument, const BatchLimit& limit) {
  if (limit == BatchLimit(1)) {
    log_info("[Trainer] " + std::string(argument) + "=1 is one batch");
  } else if (limit == BatchLimit(1.0)) {
    log_info("[Trainer] " + std::string(argument) + "=1.0 is all batches");
  }
}

void check_limits(TrainerOptions& o) {
  const auto fill = [](std::string_view argument,
                       std::optional<BatchLimit>& limit) {
    if (limit) tell_one(argument, *limit);
    limit = checked(argument, limit.value_or(BatchLimit(1.0)));
  };
  o.overfit_batches = checked("overfit_batches", o.overfit_batches);
  fill("limit_train_batches", o.limit_train_batches);
  fill("limit_val_batches", o.limit_val_batches);
  fill("limit_test_batches", o.limit_test_batches);
  fill("limit_predict_batches", o.limit_predict_batches);
  if (o.val_check_interval && !o.val_check_interval->is_time()) {
    const BatchLimit given = o.val_check_interval->batches();
    const BatchLimit limit = checked("val_check_interval", given);
    o.val_check_interval = limit.is_count() ? ValCheckInterval(limit.count())
                                            : ValCheckInterval(limit.share());
    if (!o.check_val_every_n_epoch && !given.is_count()) {
      refuse("val_check_interval", given.text(),
             "a number of batches or a time, since check_val_every_n_epoch is "
             "none");
    }
  }
  if (o.val_check_interval && o.val_check_interval->is_time() &&
      o.val_check_interval->time() <= std::chrono::nanoseconds(0)) {
    refuse("val_check_interval", "no time", "more than none");
  }
  if (!o.overfit_batches.is_zero()) {
    o.limit_train_batches = o.overfit_batches;
    o.limit_val_batches = o.overfit_batches;
  }
}

void check_numbers(const TrainerOptions& o) {
  at_least("max_epochs", o.max_epochs, -1);
  at_least("max_steps", o.max_steps, -1);
  at_least("min_epochs", o.min_epochs, 0);
  at_least("min_steps", o.min_steps, 0);
  at_least("fast_dev_run", o.fast_dev_run.batches(), 0);
  at_least("check_val_every_n_epoch", o.check_val_every_n_epoch, 1);
  at_least("num_sanity_val_steps", o.num_sanity_val_steps, -1);
  at_least("log_every_n_steps", o.log_every_n_steps, 0);
  at_least("accumulate_grad_batches", o.accumulate_grad_batches, 1);
  at_least("num_nodes", o.num_nodes, 1);
  at_least("reload_dataloaders_every_n_epochs",
           o.reload_dataloaders_every_n_epochs, 0);
  if (o.max_time && o.max_time->time() < std::chrono::nanoseconds(0)) {
    refuse("max_time", "a negative time", "a time");
  }
  const PreemptionOptions& p = o.preemption;
  if (p.grace_time && p.grace_time->time() <= std::chrono::nanoseconds(0)) {
    refuse("preemption.grace_time", "no time", "more than none");
  }
  if (p.requeue_signal <= 0 || p.requeue_signal > SIGRTMAX ||
      (p.requeue_signal > 31 && p.requeue_signal < SIGRTMIN) ||
      p.requeue_signal == SIGKILL || p.requeue_signal == SIGSTOP ||
      p.requeue_signal == SIGINT || p.requeue_signal == SIGTERM) {
    refuse("preemption.requeue_signal", signal_name(p.requeue_signal),
           "a signal that can be caught, such as SIGUSR1, and neither SIGINT "
           "nor SIGTERM");
  }
  if (o.gradient_clip_val && std::isnan(*o.gradient_clip_val)) {
    refuse("gradient_clip_val", "nan", "a number");
  }
}

// Arguments of features that aren't there yet.
void check_there(const TrainerOptions& o) {
  if (o.num_nodes > 1) throw not_yet("num_nodes", std::to_string(o.num_nodes));
  if (o.sync_batchnorm) throw not_yet("sync_batchnorm", "true");
  if (o.profiler) throw not_yet("profiler", "\"" + *o.profiler + "\"");
  if (o.model_registry) throw not_yet("model_registry", *o.model_registry);
}

void check_barebones(const TrainerOptions& o) {
  const auto clash = [](std::string_view argument, bool asked) {
    if (!asked) return;
    throw ConfigError({.where = "Trainer",
                       .what = "barebones turns off what " +
                               std::string(argument) + " asks for",
                       .tip = "leave one of the two out"});
  };
  clash("enable_checkpointing", o.enable_checkpointing.value_or(false));
  clash("logger", o.logger.on().value_or(false));
  clash("enable_progress_bar", o.enable_progress_bar.value_or(false));
  clash("log_every_n_steps", o.log_every_n_steps.value_or(0) != 0);
  clash("enable_model_summary", o.enable_model_summary.value_or(false));
  clash("num_sanity_val_steps", o.num_sanity_val_steps.value_or(0) != 0);
  clash("fast_dev_run", static_cast<bool>(o.fast_dev_run));
  clash("detect_anomaly", o.detect_anomaly);
  clash("profiler", o.profiler.has_value());
}

// A working folder that somebody removed is still called ".".
std::filesystem::path here() {
  std::error_code error;
  std::filesystem::path folder = std::filesystem::current_path(error);
  return error ? "." : folder;
}

void fill_defaults(TrainerOptions& o) {
  if (!o.val_check_interval) o.val_check_interval = ValCheckInterval(1.0);
  if (o.barebones) {
    o.enable_checkpointing = false;
    o.logger = false;
    o.enable_progress_bar = false;
    o.enable_model_summary = false;
    o.log_every_n_steps = 0;
    o.num_sanity_val_steps = 0;
    log_info(
        "[Trainer] barebones: checkpoints, progress bar, model summary, "
        "loggers, log(), sanity check, fast_dev_run, detect_anomaly and "
        "profiler are off");
  }
  if (!o.logger.on()) o.logger = true;
  if (!o.log_every_n_steps) o.log_every_n_steps = 50;
  if (!o.num_sanity_val_steps) o.num_sanity_val_steps = 2;
  o.default_root_dir =
      expand_user(o.default_root_dir ? *o.default_root_dir : here());
}

void apply_fast_dev_run(TrainerOptions& o) {
  if (!o.fast_dev_run) return;
  const int64_t batches = o.fast_dev_run.batches();
  if (o.overfit_batches.is_zero()) {
    o.limit_train_batches = batches;
    o.limit_val_batches = batches;
  }
  o.limit_test_batches = batches;
  o.limit_predict_batches = batches;
  o.max_steps = batches;
  o.max_epochs = 1;
  o.num_sanity_val_steps = 0;
  o.val_check_interval = ValCheckInterval(1.0);
  o.check_val_every_n_epoch = 1;
  log_info("[Trainer] fast_dev_run: " + std::to_string(batches) +
           " batch(es) of everything, without loggers and checkpoints");
}

}  // namespace

TrainerOptions resolve_options(TrainerOptions options) {
  apply_environment(options);
  if (options.barebones) check_barebones(options);
  check_numbers(options);
  check_there(options);
  check_limits(options);
  fill_defaults(options);
  apply_fast_dev_run(options);
  return options;
}

}  // namespace detail
}  // namespace bolt
