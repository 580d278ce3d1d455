#include "trainer/core.h"

#include <ATen/Context.h>
#include <torch/optim/optimizer.h>
#include <torch/optim/sgd.h>
#include <torchbolt/checkpoint/torch_checkpoint_io.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/terminal.h>
#include <torchbolt/distributed/rank.h>
#include <torchbolt/trainer/checkpoint_callback.h>
#include <torchbolt/trainer/defaults.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <set>
#include <string>
#include <utility>

#include "distributed/rank_zero.h"
#include "trainer/checks.h"
#include "trainer/evaluation_loop.h"
#include "trainer/fit_loop.h"
#include "trainer/prediction_loop.h"

namespace bolt::detail {
namespace {

void set_determinism(const TrainerOptions& options) {
  at::Context& context = at::globalContext();
  const Deterministic choice = options.deterministic;
  const bool on =
      choice == Deterministic::kOn || choice == Deterministic::kWarn;
  if (choice != Deterministic::kUnset) {
    context.setDeterministicAlgorithms(on, choice == Deterministic::kWarn);
  }
  if (on) {
    ::setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", 0);
    context.setBenchmarkCuDNN(options.benchmark.value_or(false));
    if (options.benchmark.value_or(false)) {
      log_warning("[Trainer] benchmark=true may undo deterministic");
    }
  } else if (options.benchmark) {
    context.setBenchmarkCuDNN(*options.benchmark);
  }
}

std::vector<PrecisionHandle> precision_plugins(const TrainerOptions& options) {
  std::vector<PrecisionHandle> all;
  for (const TrainerPlugin& plugin : options.plugins) {
    if (plugin.precision()) all.push_back(*plugin.precision());
  }
  return all;
}

std::shared_ptr<CheckpointIO> checkpoint_plugin(const TrainerOptions& options) {
  std::shared_ptr<CheckpointIO> io;
  for (const TrainerPlugin& plugin : options.plugins) {
    if (plugin.precision()) continue;
    if (plugin.checkpoint_io() == nullptr || io != nullptr) {
      throw ConfigError({.where = "plugins",
                         .what = io != nullptr ? "there are two CheckpointIOs"
                                               : "a CheckpointIO is null",
                         .tip = "give one"});
    }
    io = plugin.checkpoint_io();
  }
  return io != nullptr ? io : std::make_shared<TorchCheckpointIO>();
}

std::vector<std::shared_ptr<Callback>> make_callbacks(
    const TrainerOptions& options,
    std::map<const Callback*, CallbackHandle>& handles) {
  std::vector<std::shared_ptr<Callback>> all;
  for (const CallbackHandle& handle : options.callbacks) {
    all.push_back(handle.instance());
    handles.emplace(all.back().get(), handle);
  }
  const auto bars = std::ranges::count_if(
      all, [](const auto& c) { return is_progress_bar(*c); });
  if (bars > 1 || (bars == 1 && !options.enable_progress_bar.value_or(true))) {
    throw ConfigError(
        {.where = "Trainer",
         .what = bars > 1 ? "there is more than one progress bar"
                          : "there is a progress bar among the callbacks, and "
                            "enable_progress_bar is false",
         .tip = "leave one of the two out"});
  }
  const bool saves = std::ranges::any_of(all, [](const auto& c) {
    return dynamic_cast<const CheckpointCallback*>(c.get()) != nullptr;
  });
  if (saves && !options.enable_checkpointing.value_or(true)) {
    throw ConfigError(
        {.where = "Trainer",
         .what = "a callback writes checkpoints, and enable_checkpointing is "
                 "false",
         .tip = "leave one of the two out"});
  }
  for (auto& callback : default_callbacks(options, all)) {
    all.push_back(std::move(callback));
  }
  order_callbacks(all);
  check_state_keys(all);
  return all;
}

// Takes everything and keeps nothing: of a dry run, and of ranks other than 0,
// where a module may talk to its logger all the same.
class SilentLogger : public Logger {
 public:
  std::string name() const override { return ""; }
  std::string version() const override { return ""; }
  bool logs_histograms() const override { return true; }
  void log_metrics(const MetricMap&, int64_t) override {}
  void log_histogram(std::string_view, const Histogram&, int64_t) override {}
  void log_image(std::string_view, const at::Tensor&, int64_t) override {}
  void log_figure(std::string_view, const Figure&, int64_t) override {}
  void log_text(std::string_view, std::string_view, int64_t) override {}
  void log_table(std::string_view, const Table&, int64_t) override {}
};

// In the place of the n-th of a rank's. What goes by a logger's folder, such as
// a checkpoint, doesn't come between another rank's.
class LoggerOfRank final : public SilentLogger {
 public:
  LoggerOfRank(int64_t rank, std::size_t n, const Logger& of,
               std::filesystem::path root)
      : name_("rank_" + std::to_string(rank)),
        version_("version_" + std::to_string(n)),
        logs_histograms_(of.logs_histograms()),
        root_(std::move(root)) {}
  std::string name() const override { return name_; }
  std::string version() const override { return version_; }
  std::optional<std::filesystem::path> save_dir() const override {
    return root_;
  }
  std::optional<std::filesystem::path> log_dir() const override {
    return root_ / name_ / version_;
  }
  bool logs_histograms() const override { return logs_histograms_; }

 private:
  const std::string name_, version_;
  const bool logs_histograms_;
  const std::filesystem::path root_;
};

std::vector<std::shared_ptr<Logger>> make_loggers(
    const TrainerOptions& options) {
  std::vector<std::shared_ptr<Logger>> all;
  if (!*options.logger.on()) return all;
  if (options.fast_dev_run) return {std::make_shared<SilentLogger>()};
  for (const LoggerHandle& handle : options.logger.loggers()) {
    all.push_back(handle.instance());
  }
  if (all.empty()) all.push_back(default_logger());
  if (!is_rank_zero()) {
    const int64_t rank = process_rank();
    for (std::size_t k = 0; k < all.size(); ++k) {
      all[k] = std::make_shared<LoggerOfRank>(rank, k, *all[k],
                                              *options.default_root_dir);
    }
  }
  for (const auto& logger : all) {
    logger->set_default_root(*options.default_root_dir);
  }
  return all;
}

}  // namespace

std::string_view to_string(DataStage stage) {
  switch (stage) {
    case DataStage::kTrain:
      return "train";
    case DataStage::kVal:
      return "val";
    case DataStage::kTest:
      return "test";
    case DataStage::kPredict:
      return "predict";
  }
  return "?";
}

void order_callbacks(std::vector<std::shared_ptr<Callback>>& callbacks) {
  std::vector<std::shared_ptr<Callback>> ordered;
  for (const auto order : {CallbackOrder::kTuner, CallbackOrder::kOrdinary,
                           CallbackOrder::kCheckpoint}) {
    std::ranges::copy_if(callbacks, std::back_inserter(ordered),
                         [&](const auto& c) { return c->order() == order; });
  }
  callbacks = std::move(ordered);
}

void check_state_keys(const std::vector<std::shared_ptr<Callback>>& callbacks) {
  std::set<std::string> keys;
  for (const auto& callback : callbacks) {
    if (callback->state().is_none()) continue;
    if (keys.insert(callback->state_key()).second) continue;
    throw ConfigError({.where = "Trainer",
                       .what = "two callbacks with state have the same "
                               "state_key",
                       .got = "\"" + callback->state_key() + "\" twice",
                       .tip = "override state_key() so that they differ"});
  }
}

TrainerCore::TrainerCore(Trainer& owner, TrainerOptions arguments)
    : trainer(owner),
      options(resolve_options(std::move(arguments))),
      fabric({.accelerator = options.accelerator,
              .devices = options.devices,
              .strategy = options.strategy,
              .precision = options.precision,
              .plugins = precision_plugins(options)}),
      clock(options.seams.clock != nullptr ? *options.seams.clock
                                           : system_clock()),
      fit_loop(std::make_unique<FitLoop>(*this)),
      validate_loop(std::make_unique<EvaluationLoop>(*this, Stage::kValidate)),
      test_loop(std::make_unique<EvaluationLoop>(*this, Stage::kTest)),
      predict_loop(std::make_unique<PredictionLoop>(*this)),
      own_callbacks_(make_callbacks(options, own_handles_)) {
  const auto io = checkpoint_plugin(options);
  checkpoints.use(io);
  restorer.use(io);
  open_standard_streams();
  callbacks = own_callbacks_;
  max_epochs = options.max_epochs.value_or(-1);
  set_determinism(options);
  log.loggers = make_loggers(options);
}

TrainerCore::~TrainerCore() { forget_module(); }

void TrainerCore::forget_module() {
  if (module != nullptr) {
    was_manual_ = manual();
    TrainerAccess::attach(*module, nullptr);
  }
  for (const auto& callback : callbacks) {
    TrainerAccess::detach(*callback, module);
  }
  module = nullptr;
}

bool TrainerCore::has_loaders(DataStage of) const {
  const Loaders& given = of == DataStage::kTrain ? request.train : request.eval;
  if (given.defined()) return true;
  const DataHooks& hooks = data != nullptr ? data_hooks : module_hooks.data;
  switch (of) {
    case DataStage::kTrain:
      return hooks.train_dataloader;
    case DataStage::kVal:
      return hooks.val_dataloader;
    case DataStage::kTest:
      return hooks.test_dataloader;
    case DataStage::kPredict:
      return hooks.predict_dataloader;
  }
  return false;
}

Loaders TrainerCore::request_loaders(DataStage of) {
  const Loaders& given = of == DataStage::kTrain ? request.train : request.eval;
  const auto ask = [&](auto& source) {
    switch (of) {
      case DataStage::kTrain:
        return source.train_dataloader();
      case DataStage::kVal:
        return source.val_dataloader();
      case DataStage::kTest:
        return source.test_dataloader();
      case DataStage::kPredict:
        return source.predict_dataloader();
    }
    return Loaders();
  };
  Loaders loaders = given;
  if (!given.defined()) {
    const HookScope scope(*module, Hook::kDataloader);
    loaders = data != nullptr ? ask(*data) : ask(*module);
  }
  const std::string where = std::string(to_string(of)) + "_dataloader";
  if (!loaders.defined()) {
    throw ConfigError({.where = where,
                       .what = "it returned no loader",
                       .expected = "a loader, or several"});
  }
  if (of == DataStage::kTrain && loaders.count() > 1) {
    loaders = std::make_shared<CombinedSource>(
        TrainerAccess::batch_type(*module), TrainerAccess::batch_parts(*module),
        std::move(loaders), std::vector<std::string>(),
        CombineMode::kMaxSizeCycle);
  }
  if (const CombinedSource* combined = combined_of(loaders)) {
    check_mode(of, *combined);
    if (combined->mode() == CombineMode::kSequential) {
      loaders = Loaders(combined->parts());
    }
  }
  if (*function == Stage::kFit) check_apart(of, loaders);
  const std::type_info& wanted = TrainerAccess::batch_type(*module).type;
  for (std::size_t k = 0; k < loaders.count(); ++k) {
    if (loaders[k].ops().type == wanted) continue;
    throw ConfigError({.where = where,
                       .what = "the loader's batches are not the module's",
                       .got = type_name(loaders[k].ops().type),
                       .expected = type_name(wanted)});
  }
  return loaders;
}

// Validation begins while the epoch's pass goes on.
void TrainerCore::check_apart(DataStage of, const Loaders& loaders) const {
  const Loaders& others = of == DataStage::kTrain
                              ? fit_loop->validation().loaders()
                              : fit_loop->loaders();
  for (std::size_t k = 0; k < loaders.count(); ++k) {
    for (std::size_t n = 0; n < others.count(); ++n) {
      if (&loaders[k] != &others[n]) continue;
      throw ConfigError(
          {.where = std::string(to_string(of)) + "_dataloader",
           .what = "one loader object can't train and validate: a pass of "
                   "the one would end the other's",
           .tip = "make a second loader of the same dataset"});
    }
  }
}

std::vector<int64_t> TrainerCore::limits(DataStage of,
                                         const Loaders& loaders) const {
  const CombinedSource* combined = combined_of(loaders);
  const Loaders& each = combined == nullptr ? loaders : combined->parts();
  std::vector<int64_t> batches;
  for (std::size_t k = 0; k < each.count(); ++k) {
    batches.push_back(limited(of, each[k].size()));
  }
  return batches;
}

const BatchLimit& TrainerCore::limit(DataStage of) const {
  switch (of) {
    case DataStage::kTrain:
      return *options.limit_train_batches;
    case DataStage::kVal:
      return *options.limit_val_batches;
    case DataStage::kTest:
      return *options.limit_test_batches;
    case DataStage::kPredict:
      break;
  }
  return *options.limit_predict_batches;
}

int64_t TrainerCore::limited(DataStage of, std::optional<int64_t> size) const {
  const BatchLimit& by = limit(of);
  if (size && *size < 0) throw_bad_size(std::to_string(*size));
  if (size == 0) return 0;
  if (by.is_count()) return std::min(by.count(), size.value_or(by.count()));
  const std::string name = "limit_" + std::string(to_string(of)) + "_batches";
  if (!size) {
    if (by.share() == 1.0) return kUnknownBatches;
    if (by.share() == 0.0) return 0;
    throw ConfigError({.where = "Trainer",
                       .what = name + " as a share needs a loader that knows "
                                      "its length",
                       .got = by.text(),
                       .expected = "1.0, or a number of batches"});
  }
  // Not by way of a double, which the largest sizes don't survive.
  if (by.share() == 1.0) return *size;
  const auto batches =
      static_cast<int64_t>(static_cast<double>(*size) * by.share());
  if (batches == 0 && by.share() > 0) {
    throw ConfigError(
        {.where = "Trainer",
         .what = name + " leaves no batch of " + std::to_string(*size),
         .got = by.text(),
         .expected = "at least " +
                     BatchLimit(1.0 / static_cast<double>(*size)).text()});
  }
  return batches;
}

void TrainerCore::transfer(AnyBatch& batch, int64_t dataloader_idx) {
  fabric.convert_input(batch);
  const DataHooks& own = module_hooks.data;
  const DataHooks& theirs = data_hooks;
  const auto overridden = [](const DataHooks& hooks) {
    return hooks.on_before_batch_transfer || hooks.transfer_batch_to_device ||
           hooks.on_after_batch_transfer;
  };
  if (!overridden(own) && (data == nullptr || !overridden(theirs))) {
    batch.to(fabric.device());
    return;
  }
  // A hook may change the batch, in place too: never what the user keeps.
  batch.isolate();
  const HookScope scope(*module, Hook::kBatchTransfer);
  const bool from_data = data != nullptr;
  if (from_data && theirs.on_before_batch_transfer) {
    data->on_before_batch_transfer(batch, dataloader_idx);
  } else if (own.on_before_batch_transfer) {
    (module->*TrainerAccess::on_before_batch_transfer)(batch, dataloader_idx);
  }
  if (from_data && theirs.transfer_batch_to_device) {
    data->transfer_batch_to_device(batch, fabric.device(), dataloader_idx);
  } else {
    (module->*TrainerAccess::transfer_batch_to_device)(batch, fabric.device(),
                                                       dataloader_idx);
  }
  if (from_data && theirs.on_after_batch_transfer) {
    data->on_after_batch_transfer(batch, dataloader_idx);
  } else if (own.on_after_batch_transfer) {
    (module->*TrainerAccess::on_after_batch_transfer)(batch, dataloader_idx);
  }
}

void TrainerCore::backward(const at::Tensor& loss) {
  fit_loop->before_backward();
  PrecisionPlugin* const precision = fabric.precision_plugin();
  if (precision == nullptr) {
    pass_back(loss);
    return;
  }
  const at::Tensor scaled = precision->pre_backward(loss);
  const auto context = precision->backward_context();
  pass_back(scaled);
}

void TrainerCore::pass_back(const at::Tensor& loss) {
  hook(Hook::kOnBeforeBackward, &Callback::on_before_backward,
       &Module::on_before_backward, loss);
  hook_module(Hook::kBackward, [&](Module& m) { m.backward(loss); });
  hook(Hook::kOnAfterBackward, &Callback::on_after_backward,
       &Module::on_after_backward);
}

bool TrainerCore::validation_enabled() const {
  return has_loaders(DataStage::kVal) && module_hooks.validation_step &&
         !limit(DataStage::kVal).is_zero();
}

}  // namespace bolt::detail
