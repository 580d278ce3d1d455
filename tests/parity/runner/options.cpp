#include <functional>
#include <map>

#include "job.h"

namespace parity {
namespace {

using bolt::TrainerOptions;
using Set = std::function<void(TrainerOptions&, const Json&)>;

bolt::BatchLimit limit(const Json& value) {
  if (value.is_number_integer()) return value.get<int64_t>();
  return value.get<double>();
}

template <class T>
Set plain(T TrainerOptions::* field) {
  return [field](TrainerOptions& o, const Json& v) { o.*field = v.get<T>(); };
}

template <class T>
Set maybe(std::optional<T> TrainerOptions::* field) {
  return [field](TrainerOptions& o, const Json& v) {
    o.*field = v.is_null() ? std::nullopt : std::optional<T>(v.get<T>());
  };
}

Set limited(std::optional<bolt::BatchLimit> TrainerOptions::* field) {
  return [field](TrainerOptions& o, const Json& v) { o.*field = limit(v); };
}

const std::map<std::string, Set>& setters() {
  using O = TrainerOptions;
  static const std::map<std::string, Set> table{
      {"max_epochs", maybe(&O::max_epochs)},
      {"min_epochs", maybe(&O::min_epochs)},
      {"max_steps", plain(&O::max_steps)},
      {"min_steps", maybe(&O::min_steps)},
      {"max_time",
       [](O& o, const Json& v) { o.max_time = v.get<std::string>(); }},
      {"limit_train_batches", limited(&O::limit_train_batches)},
      {"limit_val_batches", limited(&O::limit_val_batches)},
      {"limit_test_batches", limited(&O::limit_test_batches)},
      {"limit_predict_batches", limited(&O::limit_predict_batches)},
      {"overfit_batches",
       [](O& o, const Json& v) { o.overfit_batches = limit(v); }},
      {"fast_dev_run",
       [](O& o, const Json& v) {
         if (v.is_boolean()) {
           o.fast_dev_run = v.get<bool>();
         } else {
           o.fast_dev_run = v.get<int64_t>();
         }
       }},
      {"val_check_interval",
       [](O& o, const Json& v) {
         if (v.is_string()) {
           o.val_check_interval = v.get<std::string>();
         } else if (v.is_number_integer()) {
           o.val_check_interval = v.get<int64_t>();
         } else {
           o.val_check_interval = v.get<double>();
         }
       }},
      {"check_val_every_n_epoch", maybe(&O::check_val_every_n_epoch)},
      {"num_sanity_val_steps", maybe(&O::num_sanity_val_steps)},
      {"log_every_n_steps", maybe(&O::log_every_n_steps)},
      {"accumulate_grad_batches", plain(&O::accumulate_grad_batches)},
      {"gradient_clip_val", maybe(&O::gradient_clip_val)},
      {"gradient_clip_algorithm",
       [](O& o, const Json& v) {
         o.gradient_clip_algorithm =
             bolt::parse_clip_algorithm(v.get<std::string>());
       }},
      {"accelerator",
       [](O& o, const Json& v) {
         o.accelerator = bolt::parse_accelerator(v.get<std::string>());
       }},
      {"strategy",
       [](O& o, const Json& v) {
         o.strategy = bolt::parse_strategy(v.get<std::string>());
       }},
      {"precision",
       [](O& o, const Json& v) {
         o.precision = bolt::parse_precision(
             v.is_string() ? v.get<std::string>() : v.dump());
       }},
      {"scaler",
       [](O& o, const Json& v) {
         bolt::GradScalerOptions scaler;
         scaler.init_scale = v.value("init_scale", scaler.init_scale);
         scaler.growth_interval =
             v.value("growth_interval", scaler.growth_interval);
         // It says the precision too; "precision" is read before.
         o.precision = bolt::Precision::k32True;
         o.plugins = {std::make_shared<bolt::MixedPrecision>(
             bolt::MixedPrecisionOptions{.scaler = scaler})};
       }},
      {"devices",
       [](O& o, const Json& v) {
         if (v.is_number_integer()) {
           o.devices = v.get<int>();
         } else if (v.is_array()) {
           o.devices = v.get<std::vector<int64_t>>();
         } else {
           o.devices = v.get<std::string>();
         }
       }},
      {"num_nodes", plain(&O::num_nodes)},
      {"deterministic",
       [](O& o, const Json& v) {
         o.deterministic = bolt::parse_deterministic(
             v.is_string() ? v.get<std::string>() : v.dump());
       }},
      {"benchmark", maybe(&O::benchmark)},
      {"inference_mode", plain(&O::inference_mode)},
      {"detect_anomaly", plain(&O::detect_anomaly)},
      {"barebones", plain(&O::barebones)},
      {"enable_checkpointing", maybe(&O::enable_checkpointing)},
      {"enable_progress_bar", maybe(&O::enable_progress_bar)},
      {"enable_model_summary", maybe(&O::enable_model_summary)},
      {"profiler", maybe(&O::profiler)},
      {"use_distributed_sampler", plain(&O::use_distributed_sampler)},
      {"sync_batchnorm", plain(&O::sync_batchnorm)},
      {"reload_dataloaders_every_n_epochs",
       plain(&O::reload_dataloaders_every_n_epochs)},
      {"logger", [](O& o, const Json& v) { o.logger = v.get<bool>(); }},
  };
  return table;
}

}  // namespace

bolt::TrainerOptions make_options(const Json& trainer) {
  bolt::TrainerOptions options;
  for (const auto& [name, value] : trainer.items()) {
    const auto found = setters().find(name);
    if (found == setters().end()) {
      throw bolt::ConfigError({.where = "Trainer",
                               .what = "the argument is not known",
                               .got = name});
    }
    found->second(options, value);
  }
  return options;
}

}  // namespace parity
