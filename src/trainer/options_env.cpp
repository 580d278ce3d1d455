#include <torchbolt/core/error.h>
#include <torchbolt/trainer/options.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "trainer/core.h"

// Lightning's rule: an argument that wasn't given may stand in the environment
// variable PL_TRAINER_<ARGUMENT>, as a number, True/False, None, or text. None
// is the default of those that can't do without a value.

namespace bolt::detail {
namespace {

class Text {
 public:
  Text(std::string variable, std::string value)
      : variable_(std::move(variable)), value_(std::move(value)) {}

  const std::string& raw() const { return value_; }
  bool is_none() const { return value_ == "None"; }
  std::optional<int64_t> integer() const { return read<int64_t>(); }
  std::optional<double> number() const { return read<double>(); }
  std::optional<bool> boolean() const {
    if (value_ == "True" || value_ == "true") return true;
    if (value_ == "False" || value_ == "false") return false;
    return std::nullopt;
  }
  [[noreturn]] void refuse(const std::string& expected) const {
    throw ConfigError({.where = variable_,
                       .what = "the environment variable can't be read",
                       .got = "\"" + value_ + "\"",
                       .expected = expected});
  }

 private:
  template <class T>
  std::optional<T> read() const {
    T number{};
    const char* end = value_.data() + value_.size();
    const auto read = std::from_chars(value_.data(), end, number);
    if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
    return number;
  }

  std::string variable_;
  std::string value_;
};

void read(const Text& text, bool& field) {
  if (const auto value = text.boolean()) {
    field = *value;
  } else {
    text.refuse("True or False");
  }
}

void read(const Text& text, int64_t& field) {
  if (const auto value = text.integer()) {
    field = *value;
  } else {
    text.refuse("a whole number");
  }
}

void read(const Text& text, double& field) {
  if (const auto value = text.number()) {
    field = *value;
  } else {
    text.refuse("a number");
  }
}

void read(const Text& text, BatchLimit& field) {
  if (const auto count = text.integer()) {
    field = *count;
  } else if (const auto share = text.number()) {
    field = *share;
  } else {
    text.refuse("a number of batches, or a share of them");
  }
}

void read(const Text& text, ValCheckInterval& field) {
  if (const auto count = text.integer()) {
    field = *count;
  } else if (const auto share = text.number()) {
    field = *share;
  } else {
    field = text.raw();
  }
}

void read(const Text& text, FastDevRun& field) {
  if (const auto on = text.boolean()) {
    field = *on;
  } else if (const auto batches = text.integer()) {
    field = *batches;
  } else {
    text.refuse("True, False, or a number of batches");
  }
}

void read(const Text& text, std::string& field) { field = text.raw(); }
void read(const Text& text, std::filesystem::path& field) {
  field = text.raw();
}
void read(const Text& text, Accelerator& field) {
  field = parse_accelerator(text.raw());
}
void read(const Text& text, Strategy& field) {
  field = parse_strategy(text.raw());
}
void read(const Text& text, Precision& field) {
  field = parse_precision(text.raw());
}
void read(const Text& text, ClipAlgorithm& field) {
  field = parse_clip_algorithm(text.raw());
}
void read(const Text& text, Devices& field) { field = Devices(text.raw()); }
void read(const Text& text, Deterministic& field) {
  std::string lower = text.raw();
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return std::tolower(c); });
  field = parse_deterministic(lower);
}
void read(const Text& text, LoggerOption& field) {
  if (const auto on = text.boolean()) {
    field = *on;
  } else {
    text.refuse("True or False");
  }
}

template <class T>
void assign(const Text& text, T& field) {
  if (!text.is_none()) read(text, field);
}

template <class T>
void assign(const Text& text, std::optional<T>& field) {
  if (text.is_none()) {
    field.reset();
    return;
  }
  if constexpr (std::is_same_v<T, BatchLimit> ||
                std::is_same_v<T, ValCheckInterval>) {
    T value(1);
    read(text, value);
    field = value;
  } else if constexpr (std::is_same_v<T, TimeSpan>) {
    field = TimeSpan(text.raw());
  } else {
    T value{};
    read(text, value);
    field = std::move(value);
  }
}

bool is_default(const LoggerOption& field, const LoggerOption&) {
  return !field.on();
}
template <class T>
bool is_default(const T& field, const T& standard) {
  return field == standard;
}

}  // namespace

void apply_environment(TrainerOptions& options) {
  const TrainerOptions standard;
  const auto field = [&](std::string name, auto member) {
    if (!is_default(options.*member, standard.*member)) return;
    std::string variable = "PL_TRAINER_" + name;
    std::ranges::transform(variable, variable.begin(),
                           [](unsigned char c) { return std::toupper(c); });
    if (const char* value = std::getenv(variable.c_str())) {
      const Text text(variable, value);
      try {
        assign(text, options.*member);
      } catch (const ConfigError& error) {
        if (error.text().where == variable) throw;
        ErrorText named = error.text();
        named.where = variable;
        throw ConfigError(std::move(named));
      }
    }
  };
#define BOLT_FIELD(name) field(#name, &TrainerOptions::name)
  BOLT_FIELD(max_epochs);
  BOLT_FIELD(min_epochs);
  BOLT_FIELD(max_steps);
  BOLT_FIELD(min_steps);
  BOLT_FIELD(max_time);
  BOLT_FIELD(limit_train_batches);
  BOLT_FIELD(limit_val_batches);
  BOLT_FIELD(limit_test_batches);
  BOLT_FIELD(limit_predict_batches);
  BOLT_FIELD(overfit_batches);
  BOLT_FIELD(fast_dev_run);
  BOLT_FIELD(val_check_interval);
  BOLT_FIELD(check_val_every_n_epoch);
  BOLT_FIELD(num_sanity_val_steps);
  BOLT_FIELD(accelerator);
  BOLT_FIELD(devices);
  BOLT_FIELD(num_nodes);
  BOLT_FIELD(strategy);
  BOLT_FIELD(precision);
  BOLT_FIELD(accumulate_grad_batches);
  BOLT_FIELD(gradient_clip_val);
  BOLT_FIELD(gradient_clip_algorithm);
  BOLT_FIELD(logger);
  BOLT_FIELD(log_every_n_steps);
  BOLT_FIELD(enable_checkpointing);
  BOLT_FIELD(enable_progress_bar);
  BOLT_FIELD(enable_model_summary);
  BOLT_FIELD(deterministic);
  BOLT_FIELD(benchmark);
  BOLT_FIELD(inference_mode);
  BOLT_FIELD(detect_anomaly);
  BOLT_FIELD(barebones);
  BOLT_FIELD(profiler);
  BOLT_FIELD(use_distributed_sampler);
  BOLT_FIELD(sync_batchnorm);
  BOLT_FIELD(reload_dataloaders_every_n_epochs);
  BOLT_FIELD(default_root_dir);
  BOLT_FIELD(enable_autolog_hparams);
  BOLT_FIELD(model_registry);
  BOLT_FIELD(stop_on_checkpoint_error);
#undef BOLT_FIELD
}

}  // namespace bolt::detail
