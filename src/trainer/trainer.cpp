#include <torchbolt/trainer/trainer.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <iostream>
#include <utility>

#include "trainer/core.h"
#include "trainer/evaluation_loop.h"
#include "trainer/fit_loop.h"
#include "trainer/prediction_loop.h"

namespace bolt {

Interrupted::Interrupted(int signal)
    : std::runtime_error(signal == SIGINT ? "interrupted by Ctrl-C"
                                          : "ended by " + signal_name(signal)),
      signal_(signal) {}

void detail::throw_unknown_hooks(const std::type_info& dynamic_type,
                                 const std::type_info& static_type,
                                 std::string_view function) {
  const std::string actual = type_name(dynamic_type);
  throw ConfigError(
      {.where = "Trainer",
       .what = "which steps and hooks " + actual +
               " overrides can't be seen, since it is passed as another type",
       .got = type_name(static_type),
       .expected = actual,
       .tip =
           "pass it as what it is, or let it override hooks(): return bolt::" +
           std::string(function) + "<" + actual + ">();"});
}

Trainer::Trainer(TrainerOptions options)
    : core_(std::make_unique<detail::TrainerCore>(*this, std::move(options))) {}

Trainer::~Trainer() = default;

void Trainer::run_fit(detail::RunRequest request) {
  core_->fit(std::move(request));
}
EvaluateResults Trainer::run_evaluate(Stage stage, detail::RunRequest request) {
  return core_->evaluate(stage, std::move(request));
}
Predictions Trainer::run_predict(detail::RunRequest request) {
  return core_->predict(std::move(request));
}
EvaluateResults Trainer::validate(Loaders loaders, EvaluateOptions options) {
  return run_evaluate(Stage::kValidate,
                      with(again(std::move(loaders)), options));
}
EvaluateResults Trainer::test(Loaders loaders, EvaluateOptions options) {
  return run_evaluate(Stage::kTest, with(again(std::move(loaders)), options));
}
Predictions Trainer::predict(Loaders loaders, EvaluateOptions options) {
  return run_predict(with(again(std::move(loaders)), options));
}
void Trainer::hold_module(std::shared_ptr<Module> module) {
  core_->handed_over = std::move(module);
}
detail::RunRequest Trainer::again(Loaders loaders) const {
  detail::RunRequest request;
  request.module = &module();
  request.module_hooks = core_->module_hooks;
  request.module_given = false;
  request.eval = std::move(loaders);
  return request;
}

void Trainer::save_checkpoint(const std::filesystem::path& path,
                              bool weights_only) {
  module();  // there must be one
  if (!path.has_filename()) {
    throw ConfigError({.where = "Trainer.save_checkpoint",
                       .what = "the path has no file's name",
                       .got = "\"" + path.string() + "\"",
                       .tip = "\"checkpoints/a.ckpt\""});
  }
  core_->checkpoints.save(path, weights_only);
}
void Trainer::save_checkpoint_after_hook(const Callback& who,
                                         const std::filesystem::path& path,
                                         bool weights_only,
                                         std::function<void()> then) {
  module();
  core_->checkpoints.save_after_hook(who, path, weights_only, std::move(then));
}
void Trainer::check_checkpoint_folder(const std::filesystem::path& folder) {
  core_->checkpoints.check_folder(folder);
}
void Trainer::remove_checkpoint(const std::filesystem::path& path) {
  core_->checkpoints.remove(path);
}
bool Trainer::link_checkpoint(const std::filesystem::path& target,
                              const std::filesystem::path& link) {
  return core_->checkpoints.link(target, link);
}
void Trainer::after_hook(std::function<void()> then) {
  module();
  core_->checkpoints.after_hook(std::move(then));
}
bool Trainer::checkpoint_exists(const std::filesystem::path& path) const {
  return core_->checkpoints.exists(path);
}
std::optional<std::filesystem::path> Trainer::ckpt_path() const {
  return core_->restorer.path();
}

void Trainer::request_stop() { core_->should_stop = true; }
void Trainer::set_should_stop(bool stop) { core_->should_stop = stop; }
bool Trainer::should_stop() const { return core_->should_stop; }

int64_t Trainer::global_step() const { return core_->global_step(); }
int64_t Trainer::current_epoch() const {
  return core_->progress.epochs.current.completed;
}
bool Trainer::is_last_batch() const {
  return core_->progress.batches.is_last_batch;
}
const FitProgress& Trainer::progress() const { return core_->progress; }
const DataWait& Trainer::epoch_data_wait() const {
  return core_->fit_loop->epoch_wait();
}
const DataWait& Trainer::data_wait() const {
  return core_->fit_loop->fit_wait();
}
RunningStage Trainer::stage() const { return core_->stage; }
RunStatus Trainer::status() const { return core_->status; }
std::optional<Stage> Trainer::function() const { return core_->function; }

int64_t Trainer::num_training_batches() const {
  return core_->fit_loop->num_training_batches();
}
std::vector<int64_t> Trainer::num_val_batches() const {
  return core_->function == Stage::kValidate
             ? core_->validate_loop->max_batches()
             : core_->fit_loop->validation().max_batches();
}
std::vector<int64_t> Trainer::num_test_batches() const {
  return core_->test_loop->max_batches();
}
std::vector<int64_t> Trainer::num_predict_batches() const {
  return core_->predict_loop->max_batches();
}
std::vector<int64_t> Trainer::num_sanity_val_batches() const {
  return core_->fit_loop->validation().sanity_batches();
}

int64_t Trainer::estimated_stepping_batches() {
  const int64_t max_steps = core_->options.max_steps;
  if (core_->max_epochs == -1) {
    return max_steps == -1 ? kUnknownBatches : max_steps;
  }
  if (core_->function != Stage::kFit) {
    throw ConfigError({.where = "Trainer.estimated_stepping_batches",
                       .what = "it depends on the training data, which is "
                               "known from the first fit on",
                       .tip = "ask in a hook of the fit, such as "
                              "configure_optimizers"});
  }
  // After the fit the loaders are gone, and the number is known.
  if (core_->status == RunStatus::kRunning) core_->fit_loop->setup_data();
  const int64_t batches = num_training_batches();
  if (batches == kUnknownBatches) {
    return max_steps == -1 ? kUnknownBatches : max_steps;
  }
  const int64_t steps = core_->steps_of_fit(batches);
  return max_steps == -1 ? steps : std::min(steps, max_steps);
}

bool Trainer::enable_validation() const { return core_->validation_enabled(); }

MetricMap Trainer::callback_metrics() const {
  return core_->log.callback_metrics();
}
MetricMap Trainer::logged_metrics() const {
  return core_->log.logged_metrics();
}
MetricMap Trainer::progress_bar_metrics() const {
  return core_->log.progress_bar_metrics();
}
void Trainer::report(const MetricMap& metrics) {
  core_->log.report(metrics, core_->log_position().step);
}
void Trainer::log_metrics(const MetricMap& metrics,
                          std::optional<int64_t> step) {
  core_->log.log_metrics(metrics, core_->log_position(), step);
}
bool Trainer::logging_is_due() const {
  return core_->fit_loop->logging_is_due();
}

const TrainerOptions& Trainer::options() const { return core_->options; }
int64_t Trainer::max_epochs() const { return core_->max_epochs; }
void Trainer::set_max_epochs(int64_t epochs) {
  if (epochs < -1) {
    throw ConfigError({.where = "max_epochs",
                       .what = "the value is too small",
                       .got = std::to_string(epochs),
                       .expected = "at least 0, or -1 for no limit"});
  }
  core_->max_epochs = epochs;
}
void Trainer::set_forward_only(bool on) {
  if (on && core_->manual()) {
    throw ConfigError({.where = "Trainer.set_forward_only",
                       .what = "the module optimizes by hand: its "
                               "training_step makes backward passes and steps "
                               "itself",
                       .tip = "leave them out in training_step where a batch "
                              "is only to be measured"});
  }
  core_->forward_only = on;
}
int64_t Trainer::max_steps() const { return core_->options.max_steps; }
void Trainer::set_accumulate_grad_batches(int64_t batches) {
  if (batches < 1) {
    throw ConfigError({.where = "accumulate_grad_batches",
                       .what = "the value is too small",
                       .got = std::to_string(batches),
                       .expected = "at least 1"});
  }
  if (batches != 1) core_->check_cadences();
  core_->options.accumulate_grad_batches = batches;
}
int64_t Trainer::accumulate_grad_batches() const {
  return core_->options.accumulate_grad_batches;
}
bool Trainer::fast_dev_run() const {
  return static_cast<bool>(core_->options.fast_dev_run);
}

const std::vector<std::shared_ptr<Callback>>& Trainer::callbacks() const {
  return core_->callbacks;
}
const std::vector<std::shared_ptr<Logger>>& Trainer::loggers() const {
  return core_->log.loggers;
}
Logger* Trainer::logger() const {
  return loggers().empty() ? nullptr : loggers().front().get();
}
std::filesystem::path Trainer::default_root_dir() const {
  return *core_->options.default_root_dir;
}
std::filesystem::path Trainer::log_dir() const {
  const Logger* first = logger();
  if (first == nullptr) return default_root_dir();
  return first->log_dir().value_or(default_root_dir());
}

Module& Trainer::module() const {
  if (core_->module != nullptr) return *core_->module;
  throw ConfigError({.where = "Trainer.module",
                     .what = "there is no module: none was run yet, or it is "
                             "gone",
                     .tip = "call fit, validate, test or predict first"});
}
const ModuleHooks& Trainer::module_hooks() const { return core_->module_hooks; }
LightningDataModule* Trainer::data_module() const { return core_->data; }
const std::vector<std::shared_ptr<torch::optim::Optimizer>>&
Trainer::optimizers() const {
  return core_->optimizers;
}
std::vector<LRSchedulerConfig>& Trainer::lr_scheduler_configs() const {
  return core_->schedulers;
}
const Clock& Trainer::clock() const { return core_->clock; }
Fabric& Trainer::fabric() const { return core_->fabric; }

void Trainer::print(std::string_view line) const {
  if (!is_global_zero()) return;
  if (core_->print_target) {
    core_->print_target(line);
  } else {
    std::cout << line << std::endl;
  }
}
void Trainer::set_print_target(std::function<void(std::string_view)> target) {
  core_->print_target = std::move(target);
}

void Trainer::throw_no_module() {
  throw ConfigError({.where = "Trainer",
                     .what = "there is no module",
                     .got = "a null pointer",
                     .expected = "a pointer to a module"});
}

void Trainer::throw_no_callback(const std::type_info& type) {
  throw ConfigError({.where = "Trainer.callback",
                     .what = "no callback of that type is part of the Trainer",
                     .got = type_name(type)});
}

}  // namespace bolt
