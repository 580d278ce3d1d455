#include "trainer/log_store.h"

#include <ATen/ATen.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/log.h>
#include <torchbolt/metrics/metric.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace bolt::detail {
namespace {

std::string where(Hook hook) { return std::string(hook_name(hook)); }

// Reads a host tensor of one element without a trip through the dispatcher
// where its type allows.
double read_host(const at::Tensor& tensor) {
  if (tensor.layout() == at::kStrided) {
    if (tensor.scalar_type() == at::kFloat) {
      return static_cast<double>(
          *static_cast<const float*>(tensor.const_data_ptr()));
    }
    if (tensor.scalar_type() == at::kDouble) {
      return *static_cast<const double*>(tensor.const_data_ptr());
    }
  }
  return tensor.item<double>();
}

at::Tensor on_device(const at::Tensor& tensor) {
  const at::NoGradGuard no_grad;
  at::Tensor value = tensor.detach().reshape({});
  const bool wide =
      value.scalar_type() == at::kFloat || value.scalar_type() == at::kDouble;
  return wide ? value.clone() : value.to(at::kFloat);
}

Scalar to_scalar(const LogValue& value) {
  const at::Tensor* tensor = value.tensor();
  if (tensor == nullptr) return {.number = value.number()};
  if (tensor->device().is_cpu()) return {.number = read_host(*tensor)};
  return {.number = 0, .tensor = on_device(*tensor)};
}

void check_value(Hook hook, std::string_view name, const LogValue& value) {
  const at::Tensor* tensor = value.tensor();
  if (tensor == nullptr) return;
  if (!tensor->defined()) {
    throw ConfigError(
        {.where = where(hook),
         .what = log_call(name) + " was given an undefined tensor",
         .expected = "a number, a tensor of one element, or a "
                     "metric"});
  }
  if (tensor->numel() != 1) {
    throw ConfigError(
        {.where = where(hook),
         .what = log_call(name) + " needs a single value",
         .got = "a tensor of " + std::to_string(tensor->numel()) + " elements",
         .expected = "one element",
         .tip = "log its mean: value.mean()"});
  }
  if (tensor->is_complex() || tensor->is_meta()) {
    throw ConfigError(
        {.where = where(hook),
         .what = log_call(name) + " needs a real number",
         .got = tensor->is_meta() ? "a tensor without data (meta)"
                                  : "a complex tensor",
         .expected = "one number",
         .tip = tensor->is_meta() ? "" : "log its magnitude: value.abs()"});
  }
}

Scalar start_of(Reduce reduce) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  switch (reduce) {
    case Reduce::kMin:
      return {.number = kInf};
    case Reduce::kMax:
      return {.number = -kInf};
    case Reduce::kMean:
    case Reduce::kSum:
      break;
  }
  return {};
}

// min and max as tensors have them: a NaN stays.
double pick(Reduce reduce, double a, double b) {
  if (std::isnan(a) || std::isnan(b)) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  return reduce == Reduce::kMin ? std::min(a, b) : std::max(a, b);
}

void fold_host(Scalar& sum, Reduce reduce, double value, double weight) {
  switch (reduce) {
    case Reduce::kMean:
      sum.number += value * weight;
      break;
    case Reduce::kSum:
      sum.number += value;
      break;
    case Reduce::kMin:
    case Reduce::kMax:
      sum.number = pick(reduce, sum.number, value);
      break;
  }
}

void fold_device(Scalar& sum, Reduce reduce, const at::Tensor& value,
                 double weight) {
  if (!sum.tensor.defined()) {
    sum.tensor = at::full({}, sum.number, value.options());
  }
  switch (reduce) {
    case Reduce::kMean:
      sum.tensor = at::add(sum.tensor, value, weight);
      break;
    case Reduce::kSum:
      sum.tensor = at::add(sum.tensor, value);
      break;
    case Reduce::kMin:
      sum.tensor = at::minimum(sum.tensor, value);
      break;
    case Reduce::kMax:
      sum.tensor = at::maximum(sum.tensor, value);
      break;
  }
}

Scalar divided(const Scalar& sum, double weight) {
  if (sum.tensor.defined()) return {.tensor = sum.tensor / weight};
  return {.number = sum.number / weight};
}

}  // namespace

std::string log_call(std::string_view name) {
  return "log(\"" + std::string(name) + "\")";
}

double Scalar::read() const {
  return tensor.defined() ? tensor.item<double>() : number;
}

MetricMap MetricTable::read() const {
  MetricMap map;
  for (const auto& [name, value] : values_) map.emplace(name, value.read());
  return map;
}

void MetricTables::clear() {
  callback.clear();
  logged.clear();
  progress_bar.clear();
}

void LogStore::log(Hook hook, std::string_view name, const LogValue& value,
                   LogMeta meta, std::optional<int64_t> batch_size) {
  check_value(hook, name, value);
  if (batch_size && *batch_size < 1) {
    throw ConfigError({.where = where(hook),
                       .what = log_call(name) + ": batch_size is too small",
                       .got = std::to_string(*batch_size),
                       .expected = "at least 1"});
  }
  meta.dataloader_idx = dataloader_idx_;
  // All that throws comes before there is an entry without a value.
  const bool weighs = value.metric() == nullptr && meta.on_epoch;
  const double weight = weighs ? weight_of(hook, name, meta, batch_size) : 1.0;
  Entry& entry = find_or_add(hook, name, meta, value.metric());
  entry.has_reset = false;
  entry.epoch.reset();
  if (value.metric() != nullptr) {
    if (meta.on_step) {
      entry.step = metric_value(entry, value.metric()->last());
    }
    return;
  }
  accumulate(entry, value, weight);
}

void LogStore::accumulate(Entry& entry, const LogValue& value, double weight) {
  Scalar scalar = to_scalar(value);
  if (entry.meta.on_epoch) {
    // Once on a device, the sum stays there.
    if (entry.sum.tensor.defined() && !scalar.tensor.defined()) {
      scalar.tensor =
          at::scalar_tensor(scalar.number, entry.sum.tensor.options());
    }
    if (scalar.tensor.defined()) {
      fold_device(entry.sum, entry.meta.reduce_fx, scalar.tensor, weight);
    } else {
      fold_host(entry.sum, entry.meta.reduce_fx, scalar.number, weight);
    }
    entry.weight += weight;
  }
  if (entry.meta.on_step) entry.step = std::move(scalar);
}

bool LogStore::matches(const Entry& entry, Hook hook, std::string_view name,
                       const LogMeta& meta) const {
  return entry.hook == hook && entry.name == name &&
         entry.meta.name_idx() == meta.name_idx();
}

LogStore::Entry& LogStore::find_or_add(Hook hook, std::string_view name,
                                       const LogMeta& meta,
                                       metrics::Metric* metric) {
  // Calls come in the same order in every step.
  const std::size_t count = entries_.size();
  for (std::size_t k = 0; k < count; ++k) {
    std::size_t at = cursor_ + k;
    if (at >= count) at -= count;
    Entry& entry = entries_[at];
    if (!matches(entry, hook, name, meta)) continue;
    if (entry.meta != meta ||
        (entry.metric == nullptr) != (metric == nullptr)) {
      throw ConfigError(
          {.where = where(hook),
           .what = log_call(name) +
                   " is called twice in this hook with different settings",
           .expected = "the same settings each time",
           .tip = "give one of the two another name"});
    }
    entry.metric = metric;
    cursor_ = at + 1 == count ? 0 : at + 1;
    return entry;
  }

  Entry entry;
  entry.hook = hook;
  entry.name = name;
  entry.meta = meta;
  entry.metric = metric;
  entry.sum = start_of(meta.reduce_fx);
  const bool forked = meta.on_step && meta.on_epoch;
  const auto idx = meta.name_idx();
  const std::string suffix =
      idx ? "/dataloader_idx_" + std::to_string(*idx) : "";
  entry.step_names = {entry.name + suffix,
                      entry.name + (forked ? "_step" : "") + suffix};
  entry.epoch_names = {entry.name + suffix,
                       entry.name + (forked ? "_epoch" : "") + suffix};
  entries_.push_back(std::move(entry));
  cursor_ = 0;  // the next call is most likely the first of the next step
  return entries_.back();
}

double LogStore::weight_of(Hook hook, std::string_view name,
                           const LogMeta& meta,
                           std::optional<int64_t> batch_size) {
  if (batch_size) return static_cast<double>(*batch_size);
  if (batch_size_) return static_cast<double>(*batch_size_);
  if (batch_ == nullptr || meta.reduce_fx != Reduce::kMean) return 1.0;
  const BatchSize size = batch_->size();
  if (!size.samples) {
    throw ConfigError({.where = where(hook),
                       .what = log_call(name) +
                               ": the batch holds no tensor, so its size for "
                               "the mean over the epoch is not known",
                       .tip = "pass it: {.batch_size = n}"});
  }
  if (size.ambiguous && !std::exchange(warned_batch_size_, true)) {
    log_warning(
        "[log] parts of the batch disagree on its size; the mean over "
        "the epoch takes " +
        std::to_string(*size.samples) +
        " from the first tensor. Pass {.batch_size = n} to say it.");
  }
  batch_size_ = size.samples;
  return static_cast<double>(*batch_size_);
}

void LogStore::reset_hook(Hook hook) {
  for (Entry& entry : entries_) {
    // Lightning files entries of several loaders under names of their own,
    // which this doesn't reach.
    const bool own_name = entry.meta.name_idx().has_value();
    if (entry.hook != hook || entry.metric != nullptr || own_name) continue;
    entry.has_reset = true;
    entry.sum = start_of(entry.meta.reduce_fx);
    entry.weight = 0;
    entry.epoch.reset();
  }
}

void LogStore::reset() {
  for (Entry& entry : entries_) {
    if (entry.metric != nullptr) entry.metric->reset();
    entry.has_reset = true;
    entry.sum = start_of(entry.meta.reduce_fx);
    entry.weight = 0;
    entry.epoch.reset();
  }
  end_batch();
}

Scalar LogStore::metric_value(const Entry& entry, const at::Tensor& value) {
  check_value(entry.hook, entry.name, value);
  return to_scalar(value);
}

const Scalar* LogStore::value_of(Entry& entry, bool on_step) {
  if (on_step) return entry.meta.on_step ? &entry.step : nullptr;
  if (!entry.meta.on_epoch) return nullptr;
  if (!entry.epoch) {
    if (entry.metric != nullptr) {
      entry.epoch = metric_value(entry, entry.metric->compute());
    } else if (entry.meta.reduce_fx == Reduce::kMean) {
      entry.epoch = divided(entry.sum, entry.weight);
    } else {
      entry.epoch = entry.sum;
    }
  }
  return &*entry.epoch;
}

void LogStore::write(Entry& entry, const Scalar& value, MetricTables& tables,
                     bool on_step) {
  const Entry::Names& names = on_step ? entry.step_names : entry.epoch_names;
  if (entry.meta.logger) tables.logged.slot(names.forked) = value;
  if (training_ || !on_step) {
    tables.callback.slot(names.plain) = value;
    tables.callback.slot(names.forked) = value;
  }
  if (entry.meta.prog_bar) tables.progress_bar.slot(names.forked) = value;
}

void LogStore::update(MetricTables& tables, bool on_step) {
  for (Entry& entry : entries_) {
    if (!is_current(entry)) continue;
    const Scalar* value = value_of(entry, on_step);
    if (value == nullptr) continue;
    if (!on_step) {
      write(entry, *value, tables, false);
      continue;
    }
    Entry::Slots& slots = entry.slots;
    if (slots.generation != tables.callback.generation()) {
      write(entry, *value, tables, true);
      const Entry::Names& names = entry.step_names;
      slots = {.generation = tables.callback.generation()};
      if (entry.meta.logger) slots.logged = &tables.logged.slot(names.forked);
      if (training_) {
        slots.callback = &tables.callback.slot(names.plain);
        slots.callback_forked = &tables.callback.slot(names.forked);
      }
      if (entry.meta.prog_bar) {
        slots.progress_bar = &tables.progress_bar.slot(names.forked);
      }
      continue;
    }
    if (slots.logged != nullptr) *slots.logged = *value;
    if (slots.callback != nullptr) *slots.callback = *value;
    if (slots.callback_forked != nullptr) *slots.callback_forked = *value;
    if (slots.progress_bar != nullptr) *slots.progress_bar = *value;
  }
}

const Scalar* LogStore::logged_value(Entry& entry, bool on_step) {
  if (!is_current(entry) || !entry.meta.logger) return nullptr;
  return value_of(entry, on_step);
}

MetricMap LogStore::for_loggers(bool on_step) {
  MetricMap map;
  for (Entry& entry : entries_) {
    const Scalar* value = logged_value(entry, on_step);
    if (value == nullptr) continue;
    const Entry::Names& names = on_step ? entry.step_names : entry.epoch_names;
    map[names.forked] = value->read();
  }
  return map;
}

MetricMap& LogStore::step_map() {
  // Of one that isn't logged any more nothing stays; another may have its name.
  const bool has_less = std::ranges::any_of(entries_, [&](Entry& entry) {
    return entry.for_loggers != nullptr && logged_value(entry, true) == nullptr;
  });
  if (has_less) {
    step_map_.clear();
    for (Entry& entry : entries_) entry.for_loggers = nullptr;
  }
  for (Entry& entry : entries_) {
    const Scalar* value = logged_value(entry, true);
    if (value == nullptr) continue;
    if (entry.for_loggers == nullptr) {
      entry.for_loggers = &step_map_[entry.step_names.forked];
    }
    *entry.for_loggers = value->read();
  }
  return step_map_;
}

}  // namespace bolt::detail
