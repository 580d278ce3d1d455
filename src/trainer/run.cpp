#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <torch/csrc/autograd/anomaly_mode.h>
#include <torchbolt/core/error.h>
#include <torchbolt/engine/true_precision.h>
#include <torchbolt/metrics/metric.h>
#include <torchbolt/state/rng.h>
#include <torchbolt/trainer/defaults.h>

#include <exception>
#include <optional>
#include <utility>

#include "core/attempts.h"
#include "engine/default_dtype.h"
#include "trainer/checks.h"
#include "trainer/core.h"
#include "trainer/evaluation_loop.h"
#include "trainer/fit_loop.h"
#include "trainer/modes.h"
#include "trainer/prediction_loop.h"

// What surrounds a loop, the same for fit, validate, test and predict; run() is
// the list of what happens, in order.

namespace bolt::detail {
namespace {

// The process's own setting stays, unless the run asks for more.
class AnomalyScope {
 public:
  using Mode = torch::autograd::AnomalyMode;
  explicit AnomalyScope(bool on) : before_(Mode::is_enabled()) {
    if (on) Mode::set_enabled(true);
  }
  ~AnomalyScope() { Mode::set_enabled(before_); }
  AnomalyScope(const AnomalyScope&) = delete;
  AnomalyScope& operator=(const AnomalyScope&) = delete;

 private:
  bool before_;
};

// What tensors made without a type get in the steps.
std::optional<c10::ScalarType> default_dtype(const Fabric& fabric) {
  const auto* own =
      dynamic_cast<const TruePrecision*>(fabric.precision_plugin());
  return own != nullptr ? std::optional(own->dtype()) : std::nullopt;
}

}  // namespace

template <class Body>
void TrainerCore::run(Stage of, RunningStage running, RunRequest what,
                      Body body) {
  refuse_nested(of, *what.module);
  if (of == Stage::kFit) should_stop = forward_only = false;
  signals.reset();
  function = of;
  stage = running;
  status = RunStatus::kRunning;
  const DefaultDtypeUse dtype(default_dtype(fabric));
  try {
    signals.start_interrupts();
    connect(std::move(what));
    attach_callbacks();
    verify();
    prepare();
    restorer.restore_model();
    setup_engine();
    if (of == Stage::kFit) {
      hook(Hook::kOnFitStart, &Callback::on_fit_start, &Module::on_fit_start);
    }
    log_hyperparameters();
    signals.start();
    module->zero_grad();
    restorer.restore_training();
    body();
    signals.check();
    let_go();
    finish();
  } catch (...) {
    fail(std::current_exception());
    throw;
  }
  signals.throw_late();
}

void TrainerCore::fit(RunRequest what) {
  run(Stage::kFit, RunningStage::kTrain, std::move(what), [&] {
    if (validation_enabled() && *options.num_sanity_val_steps != 0 &&
        !fit_loop->resumes_without_sanity_check()) {
      const IsolateRng isolate;
      // Those of the run that goes on; else none.
      const BatchProgress counted =
          restorer.path() ? progress.validation : BatchProgress();
      const RunningStage before =
          std::exchange(stage, RunningStage::kSanityCheck);
      log.use(&fit_loop->validation().store());
      log.reset_results();
      log.reset_tables();
      hook_callbacks(Hook::kOnSanityCheckStart, [&](Callback& c) {
        c.on_sanity_check_start(trainer, *module);
      });
      fit_loop->validation().run();
      hook_callbacks(Hook::kOnSanityCheckEnd, [&](Callback& c) {
        c.on_sanity_check_end(trainer, *module);
      });
      log.reset_results();
      log.reset_tables();
      progress.validation = counted;
      stage = before;
    }
    log.use(&fit_loop->store());
    const AnomalyScope anomaly(options.detect_anomaly);
    fit_loop->run();
  });
}

EvaluateResults TrainerCore::evaluate(Stage of, RunRequest what) {
  EvaluateResults results;
  const bool test = of == Stage::kTest;
  EvaluationLoop& loop = test ? *test_loop : *validate_loop;
  run(of, test ? RunningStage::kTest : RunningStage::kValidate, std::move(what),
      [&] {
        log.use(&loop.store());
        results = loop.run();
        if (!request.verbose || !fabric.is_global_zero()) return;
        const std::string table = results_table(of, results);
        if (!table.empty()) trainer.print(table);
      });
  return results;
}

Predictions TrainerCore::predict(RunRequest what) {
  Predictions predictions;
  run(Stage::kPredict, RunningStage::kPredict, std::move(what), [&] {
    log.use(nullptr);
    predictions = predict_loop->run(request.return_predictions);
  });
  return predictions;
}

// -- before the loop ---------------------------------------------------------

void TrainerCore::connect(RunRequest what) {
  request = std::move(what);
  forget_module();
  module = request.module;
  // A module that was handed over stays until another one comes.
  if (handed_over != nullptr) held_module = std::move(handed_over);
  if (held_module.get() != module) held_module.reset();
  // A module is one Trainer's at a time, so that one alone has to hear when it
  // goes.
  if (module->has_trainer()) {
    TrainerAccess::core(module->trainer()).forget_module();
  }
  module_hooks = request.module_hooks;
  data = request.data;
  data_is_set_up = false;
  data_hooks = request.data_hooks;
  if (*function == Stage::kFit) data_of_last_fit = State::map();
  TrainerAccess::attach(*module, &trainer);
  restorer.open(request.ckpt_path, request.module_given);
  checkpoints.open(restorer.requeue_files());
  if (*function == Stage::kFit) {
    fit_loop->forget_data();
    resolve_epoch_limits();
  }
}

void TrainerCore::resolve_epoch_limits() {
  min_epochs = options.min_epochs.value_or(options.min_steps ? 1 : 0);
  if (options.max_epochs) {
    max_epochs = *options.max_epochs;
    return;
  }
  bool timed = false;
  for (const auto& callback : own_callbacks_) {
    timed = timed || is_timer(*callback);
  }
  if (options.max_steps != -1 || timed) {
    max_epochs = -1;
    return;
  }
  max_epochs = 1000;
  once.warning(
      "[Trainer] max_epochs was not set; it is 1000. Set -1 to train "
      "without a limit");
}

void TrainerCore::attach_callbacks() {
  callbacks = own_callbacks_;
  std::vector<CallbackHandle> brought =
      hook_module(Hook::kConfigureCallbacks,
                  [](Module& m) { return m.configure_callbacks(); });
  std::vector<std::shared_ptr<Callback>> all_added;
  for (const CallbackHandle& handle : brought) {
    const std::shared_ptr<Callback> added = handle.instance();
    all_added.push_back(added);
    std::erase_if(callbacks, [&](const auto& old) {
      const Callback& before = *old;
      const Callback& now = *added;
      const auto handle_of = own_handles_.find(old.get());
      return handle_of == own_handles_.end() ? typeid(before) == typeid(now)
                                             : handle_of->second.covers(now);
    });
  }
  callbacks.insert(callbacks.end(), all_added.begin(), all_added.end());
  if (!brought.empty()) {
    order_callbacks(callbacks);
    check_state_keys(callbacks);
  }
  for (const auto& callback : callbacks) {
    TrainerAccess::attach(*callback, module);
  }
}

void TrainerCore::prepare() {
  const Stage of = *function;
  if (data != nullptr) {
    data->prepare_data();
    signals.check();
  }
  hook_module(Hook::kPrepareData, [](Module& m) { m.prepare_data(); });
  signals.check();
  start_loggers();
  if (data != nullptr) {
    data->setup(of);
    data_is_set_up = true;
    signals.check();
  }
  {
    const HookScope scope(*module, Hook::kSetup);
    for (const auto& callback : callbacks) {
      callback->setup(trainer, *module, of);
    }
    module->setup(of);
  }
  signals.check();
  {
    PrecisionPlugin* const precision = fabric.precision_plugin();
    const auto context =
        precision != nullptr ? precision->init_context() : nullptr;
    hook_module(Hook::kConfigureModel, [](Module& m) { m.configure_model(); });
  }
  signals.check();
  // The dictionaries are cleared here, and around the sanity check, alone.
  log.use(nullptr);
  log.reset_results();
  log.reset_tables();
}

// A logger that can goes on in the run that was saved.
void TrainerCore::start_loggers() {
  resumed_loggers.clear();
  const State* states =
      *function == Stage::kFit ? restorer.logger_states() : nullptr;
  for (std::size_t k = 0; k < log.loggers.size(); ++k) {
    Logger& logger = *log.loggers[k];
    if (states == nullptr || k >= states->size()) continue;
    restorer.take_back("the logger's place", [&] {
      const State& saved = states->items()[k];
      const bool is_same =
          saved.at("class").as_string() == type_name(typeid(logger));
      const State& state = saved.at("state");
      if (!is_same || state.is_none() || !logger.resume(state)) return;
      resumed_loggers.push_back(&logger);
    });
  }
  for (const auto& logger : log.loggers) logger->start();
  check_log_dirs(log.loggers);
}

void TrainerCore::setup_engine() {
  fabric.setup(*module);
  for (const auto& [name, metric] : module->registered_metrics()) {
    metric->to(fabric.device());
  }
  if (*function != Stage::kFit) return;
  configure_optimizers();
  if (PrecisionPlugin* const precision = fabric.precision_plugin()) {
    for (const auto& optimizer : optimizers) {
      precision->check_optimizer(*optimizer);
    }
  }
}

void TrainerCore::log_hyperparameters() {
  if (!options.enable_autolog_hparams || log.loggers.empty()) return;
  const State& of_module = module->hparams_initial();
  State all = of_module;
  if (data != nullptr && data->hparams_initial().is_map()) {
    for (const auto& [key, value] : data->hparams_initial().entries()) {
      const State* known = all.is_map() ? all.find(key) : nullptr;
      if (known != nullptr && !(*known == value)) {
        throw ConfigError(
            {.where = "save_hyperparameters",
             .what = "module and data module have different values for one "
                     "name",
             .got = State::map({{key, *known}}).to_string() + " and " +
                    State::map({{key, value}}).to_string(),
             .tip = "rename one, or save it with logger = false"});
      }
      all[key] = value;
    }
  }
  for (const auto& logger : log.loggers) {
    if (!all.is_none()) logger->log_hyperparams(all);
    logger->log_graph(*module);
    logger->save();
  }
}

// -- after the loop ----------------------------------------------------------

void TrainerCore::let_go() {
  Attempts attempts;
  if (module != nullptr) {
    restore_modes(*module);  // an exception may have come in an evaluation
    attempts.make([&] { fabric.release(*module); });
    for (const auto& [name, metric] : module->registered_metrics()) {
      attempts.make([&] { metric->to(at::kCPU); });
    }
  }
  for (LogStore* store : {&fit_loop->store(), &fit_loop->validation().store(),
                          &validate_loop->store(), &test_loop->store()}) {
    store->clear();
  }
  attempts.make([&] { checkpoints.finish(); });
  attempts.make([&] { fit_loop->release(); });
  attempts.make([&] { validate_loop->release(); });
  attempts.make([&] { test_loop->release(); });
  attempts.make([&] { predict_loop->release(); });
  attempts.rethrow();
}

void TrainerCore::finish() {
  const Stage of = *function;
  if (of == Stage::kFit) {
    hook(Hook::kOnFitEnd, &Callback::on_fit_end, &Module::on_fit_end);
  }
  keep_state_of_data();
  if (data != nullptr) data->teardown(of);
  {
    const HookScope scope(*module, Hook::kTeardown);
    for (const auto& callback : callbacks) {
      callback->teardown(trainer, *module, of);
    }
    module->teardown(of);
    checkpoints.hook_ended();
  }
  checkpoints.finish();
  if (of == Stage::kFit) checkpoints.remove_requeue_files();
  for (const auto& logger : log.loggers) {
    logger->finalize(LoggerStatus::kSuccess);
  }
  status = RunStatus::kFinished;
  end();
}

// What is saved behind a fit, where the data module may be gone, has it as it
// is now. That it can't tell is no reason to end a fit that is over.
void TrainerCore::keep_state_of_data() {
  const auto warn = [](const std::string& why) {
    log_warning(
        "[Trainer] checkpoints that are saved behind the run are without the "
        "data module's state: " +
        why);
  };
  if (!data_is_set_up) return;
  if (*function == Stage::kFit && !options.fast_dev_run) {
    try {
      data_of_last_fit = checkpoints.of_data().clone();
    } catch (const std::exception& error) {
      warn(error.what());
    } catch (...) {
      warn("it threw what is no std::exception");
    }
  }
  data_is_set_up = false;
}

// Loaders and data module are the caller's: they may go now.
void TrainerCore::end() {
  signals.end();
  log.use(nullptr);
  log.deliver_to_all();
  stage = RunningStage::kNone;
  data = nullptr;
  request.train = {};
  request.eval = {};
  restorer.close();
  checkpoints.open();
}

// The user's exception is on its way: nothing here may take its place.
void TrainerCore::fail(std::exception_ptr error) {
  status = RunStatus::kInterrupted;
  const auto guarded = [](std::string_view what, auto&& call) {
    try {
      call();
    } catch (const std::exception& second) {
      log_message(LogLevel::kError, "[" + std::string(what) +
                                        "] failed while an error was "
                                        "handled: " +
                                        second.what());
    } catch (...) {
      log_message(LogLevel::kError, "[" + std::string(what) +
                                        "] failed while an error was handled");
    }
  };
  // A hook that failed doesn't let an older file go.
  guarded("save_checkpoint", [&] { checkpoints.hook_failed(); });
  if (module != nullptr) {
    const HookScope scope(*module, Hook::kOnException);
    for (const auto& callback : callbacks) {
      guarded("on_exception",
              [&] { callback->on_exception(trainer, *module, error); });
    }
    guarded("save_checkpoint", [&] { checkpoints.hook_ended(); });
  }
  if (data != nullptr) {
    guarded("on_exception", [&] { data->on_exception(error); });
    guarded("state", [&] { keep_state_of_data(); });
  }
  for (const auto& logger : log.loggers) {
    guarded("finalize", [&] {
      logger->finalize(signals.saved() ? LoggerStatus::kFinished
                                       : LoggerStatus::kFailed);
    });
  }
  guarded("Trainer", [&] { let_go(); });
  end();
}

}  // namespace bolt::detail
