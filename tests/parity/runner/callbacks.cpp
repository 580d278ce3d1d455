#include <functional>
#include <map>

#include "job.h"
#include "support/schedules.h"

namespace parity {
namespace {

using Make = std::function<bolt::CallbackHandle(
    const Json&, const std::filesystem::path& folder)>;

template <class T>
void take(const Json& spec, const char* name, std::optional<T>& field) {
  if (spec.contains(name) && !spec[name].is_null()) field = spec[name].get<T>();
}

bolt::CallbackHandle early_stopping(const Json& spec,
                                    const std::filesystem::path&) {
  bolt::EarlyStoppingOptions options;
  options.monitor = spec.value("monitor", "");
  options.min_delta = spec.value("min_delta", options.min_delta);
  options.patience = spec.value("patience", options.patience);
  options.mode = bolt::parse_mode(spec.value("mode", "min"));
  options.strict = spec.value("strict", options.strict);
  options.check_finite = spec.value("check_finite", options.check_finite);
  take(spec, "stopping_threshold", options.stopping_threshold);
  take(spec, "divergence_threshold", options.divergence_threshold);
  take(spec, "check_on_train_epoch_end", options.check_on_train_epoch_end);
  return bolt::EarlyStopping(options);
}

bolt::CallbackHandle timer(const Json& spec, const std::filesystem::path&) {
  bolt::TimerOptions options;
  if (spec.contains("duration")) {
    options.duration = bolt::TimeSpan(spec["duration"].get<std::string>());
  }
  if (spec.value("interval", "step") == "epoch") {
    options.interval = bolt::TimerInterval::kEpoch;
  }
  return bolt::Timer(options);
}

bolt::CallbackHandle learning_rate_monitor(const Json& spec,
                                           const std::filesystem::path&) {
  bolt::LearningRateMonitorOptions options;
  std::optional<std::string> interval;
  take(spec, "logging_interval", interval);
  if (interval) {
    options.logging_interval =
        *interval == "step" ? bolt::Interval::kStep : bolt::Interval::kEpoch;
  }
  options.log_momentum = spec.value("log_momentum", options.log_momentum);
  options.log_weight_decay =
      spec.value("log_weight_decay", options.log_weight_decay);
  options.log_key_prefix = spec.value("log_key_prefix", options.log_key_prefix);
  return bolt::LearningRateMonitor(options);
}

bolt::CallbackHandle gradient_accumulation_scheduler(
    const Json& spec, const std::filesystem::path&) {
  bolt::GradientAccumulationSchedulerOptions options;
  for (const auto& [epoch, batches] : spec["scheduling"].items()) {
    options.scheduling[std::stoll(epoch)] = batches.get<int64_t>();
  }
  return bolt::GradientAccumulationScheduler(options);
}

bolt::CallbackHandle weight_averaging(const Json& spec,
                                      const std::filesystem::path&) {
  return std::make_shared<bolt::WeightAveraging>(
      spec.value("use_buffers", true));
}

bolt::CallbackHandle ema_weight_averaging(const Json& spec,
                                          const std::filesystem::path&) {
  bolt::EMAWeightAveragingOptions options;
  options.decay = spec.value("decay", options.decay);
  options.update_every_n_steps =
      spec.value("update_every_n_steps", options.update_every_n_steps);
  take(spec, "update_starting_at_step", options.update_starting_at_step);
  take(spec, "update_starting_at_epoch", options.update_starting_at_epoch);
  options.use_buffers = spec.value("use_buffers", options.use_buffers);
  return bolt::EMAWeightAveraging(options);
}

bolt::CallbackHandle model_checkpoint(const Json& spec,
                                      const std::filesystem::path& folder) {
  bolt::ModelCheckpointOptions options;
  if (spec.contains("dirpath")) {
    options.dirpath = folder / spec["dirpath"].get<std::string>();
  }
  take(spec, "filename", options.filename);
  take(spec, "monitor", options.monitor);
  options.mode = bolt::parse_mode(spec.value("mode", "min"));
  if (spec.contains("save_last") && !spec["save_last"].is_null()) {
    options.save_last = spec["save_last"].is_boolean()
                            ? bolt::SaveLast(spec["save_last"].get<bool>())
                            : bolt::SaveLast::link();
  }
  options.save_top_k = spec.value("save_top_k", options.save_top_k);
  options.save_on_exception =
      spec.value("save_on_exception", options.save_on_exception);
  options.save_weights_only =
      spec.value("save_weights_only", options.save_weights_only);
  options.auto_insert_metric_name =
      spec.value("auto_insert_metric_name", options.auto_insert_metric_name);
  take(spec, "every_n_train_steps", options.every_n_train_steps);
  take(spec, "every_n_epochs", options.every_n_epochs);
  take(spec, "save_on_train_epoch_end", options.save_on_train_epoch_end);
  options.enable_version_counter =
      spec.value("enable_version_counter", options.enable_version_counter);
  return bolt::ModelCheckpoint(options);
}

bolt::CallbackHandle on_exception_checkpoint(
    const Json& spec, const std::filesystem::path& folder) {
  bolt::OnExceptionCheckpointOptions options;
  options.dirpath = folder / spec["dirpath"].get<std::string>();
  options.filename = spec.value("filename", options.filename);
  return bolt::OnExceptionCheckpoint(options);
}

bolt::CallbackHandle stochastic_weight_averaging(const Json& spec,
                                                 const std::filesystem::path&) {
  bolt::StochasticWeightAveragingOptions options;
  const Json& lrs = spec["swa_lrs"];
  options.swa_lrs = lrs.is_array() ? lrs.get<std::vector<double>>()
                                   : std::vector{lrs.get<double>()};
  if (spec.contains("swa_epoch_start")) {
    const Json& start = spec["swa_epoch_start"];
    if (start.is_number_integer()) {
      options.swa_epoch_start = start.get<int64_t>();
    } else {
      options.swa_epoch_start = start.get<double>();
    }
  }
  options.annealing_epochs =
      spec.value("annealing_epochs", options.annealing_epochs);
  if (spec.value("annealing_strategy", "cos") == "linear") {
    options.annealing_strategy = bolt::optim::AnnealStrategy::kLinear;
  }
  return bolt::StochasticWeightAveraging(options);
}

bolt::CallbackHandle backbone_finetuning(const Json& spec,
                                         const std::filesystem::path&) {
  bolt::BackboneFinetuningOptions options;
  options.unfreeze_backbone_at_epoch = spec.value(
      "unfreeze_backbone_at_epoch", options.unfreeze_backbone_at_epoch);
  if (spec.contains("lambda_func")) {
    options.lambda_func = bolt::testing::lambda_from(spec["lambda_func"]);
  }
  options.backbone_initial_ratio_lr = spec.value(
      "backbone_initial_ratio_lr", options.backbone_initial_ratio_lr);
  take(spec, "backbone_initial_lr", options.backbone_initial_lr);
  options.should_align = spec.value("should_align", options.should_align);
  return bolt::BackboneFinetuning(options);
}

bolt::CallbackHandle throughput_monitor(const Json& spec,
                                        const std::filesystem::path&) {
  bolt::ThroughputMonitorOptions options;
  options.window_size = spec.value("window_size", options.window_size);
  options.separator = spec.value("separator", options.separator);
  if (spec.value("lengths", false)) {
    options.length_fn = [](const bolt::AnyBatch& batch) {
      return batch.as<Batch>()[0].numel();
    };
  }
  return bolt::ThroughputMonitor(options);
}

const std::map<std::string, Make>& makers() {
  static const std::map<std::string, Make> table{
      {"EarlyStopping", early_stopping},
      {"Timer", timer},
      {"LearningRateMonitor", learning_rate_monitor},
      {"GradientAccumulationScheduler", gradient_accumulation_scheduler},
      {"WeightAveraging", weight_averaging},
      {"EMAWeightAveraging", ema_weight_averaging},
      {"ModelCheckpoint", model_checkpoint},
      {"OnExceptionCheckpoint", on_exception_checkpoint},
      {"StochasticWeightAveraging", stochastic_weight_averaging},
      {"BackboneFinetuning", backbone_finetuning},
      {"ThroughputMonitor", throughput_monitor}};
  return table;
}

}  // namespace

std::vector<bolt::CallbackHandle> make_callbacks(
    const Json& specs, Recorder& recorder,
    const std::filesystem::path& folder) {
  std::vector<bolt::CallbackHandle> made{make_recording_callback(recorder)};
  for (const Json& spec : specs) {
    const auto type = spec["type"].get<std::string>();
    const auto found = makers().find(type);
    if (found == makers().end()) {
      throw bolt::ConfigError({.where = "scenario",
                               .what = "the callback is not there yet",
                               .got = type});
    }
    made.push_back(found->second(spec, folder));
  }
  return made;
}

Json describe_callbacks(const bolt::Trainer& trainer,
                        const std::filesystem::path& folder) {
  Json all = Json::array();
  const auto below = [&](const std::filesystem::path& path) {
    return path.empty() ? "" : path.lexically_relative(folder).string();
  };
  const auto score = [](const std::optional<double>& value) {
    return value ? number(*value) : Json();
  };
  for (const auto& callback : trainer.callbacks()) {
    if (const auto* stop = dynamic_cast<bolt::EarlyStopping*>(callback.get())) {
      all.push_back({{"type", "EarlyStopping"},
                     {"stopped_epoch", stop->stopped_epoch()},
                     {"wait_count", stop->wait_count()},
                     {"best_score", number(stop->best_score())}});
    }
    if (const auto* save =
            dynamic_cast<bolt::ModelCheckpoint*>(callback.get())) {
      Json best = Json::object();
      for (const auto& [path, value] : save->best_k_models()) {
        best[below(path)] = number(value);
      }
      all.push_back({{"type", "ModelCheckpoint"},
                     {"best_model_path", below(save->best_model_path())},
                     {"last_model_path", below(save->last_model_path())},
                     {"best_model_score", score(save->best_model_score())},
                     {"current_score", score(save->current_score())},
                     {"best_k_models", best}});
    }
  }
  return all;
}

}  // namespace parity
