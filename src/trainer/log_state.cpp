#include <ATen/ATen.h>
#include <torchbolt/core/error.h>
#include <torchbolt/metrics/metric.h>
#include <torchbolt/trainer/module.h>

#include <algorithm>
#include <string>
#include <utility>

#include "trainer/log_book.h"
#include "trainer/log_store.h"

// What checkpoints keep of logged values, so that the means of an epoch that
// was interrupted are those of the whole epoch.

namespace bolt::detail {
namespace {

const std::string* name_of(const Module& module,
                           const metrics::Metric* metric) {
  for (const auto& [name, known] : module.registered_metrics()) {
    if (known == metric) return &name;
  }
  return nullptr;
}

metrics::Metric* metric_of(const Module& module, const std::string& name) {
  for (const auto& [known, metric] : module.registered_metrics()) {
    if (known == name) return metric;
  }
  throw CheckpointError({.where = "Trainer.fit",
                         .what = "the checkpoint has values of a metric that "
                                 "the module hasn't",
                         .got = "\"" + name + "\"",
                         .tip = "register_metric() it as it was"});
}

State meta_state(const LogMeta& meta) {
  return State::map(
      {{"prog_bar", meta.prog_bar},
       {"logger", meta.logger},
       {"on_step", meta.on_step},
       {"on_epoch", meta.on_epoch},
       {"reduce_fx", static_cast<int64_t>(meta.reduce_fx)},
       {"sync_dist", meta.sync_dist},
       {"rank_zero_only", meta.rank_zero_only},
       {"add_dataloader_idx", meta.add_dataloader_idx},
       {"dataloader_idx",
        meta.dataloader_idx ? State(*meta.dataloader_idx) : State()}});
}

LogMeta meta_of(const State& state) {
  const int64_t reduce = state.at("reduce_fx").as_int();
  if (reduce < 0 || reduce > static_cast<int64_t>(Reduce::kMax)) {
    throw CheckpointError({.where = "Trainer.fit",
                           .what = "a logged value is reduced in a way that "
                                   "isn't known",
                           .got = std::to_string(reduce)});
  }
  LogMeta meta{.prog_bar = state.at("prog_bar").as_bool(),
               .logger = state.at("logger").as_bool(),
               .on_step = state.at("on_step").as_bool(),
               .on_epoch = state.at("on_epoch").as_bool(),
               .reduce_fx = static_cast<Reduce>(reduce),
               .sync_dist = state.at("sync_dist").as_bool(),
               .rank_zero_only = state.at("rank_zero_only").as_bool(),
               .add_dataloader_idx = state.at("add_dataloader_idx").as_bool()};
  const State& loader = state.at("dataloader_idx");
  if (!loader.is_none()) meta.dataloader_idx = loader.as_int();
  return meta;
}

}  // namespace

State Scalar::state() const {
  return tensor.defined() ? State(tensor) : State(number);
}

Scalar Scalar::of(const State& state) {
  if (state.is_tensor()) return {.number = 0, .tensor = state.as_tensor()};
  return {.number = state.as_double()};
}

State MetricTable::state() const {
  State all = State::map();
  for (const auto& [name, value] : values_) all[name] = value.state();
  return all;
}

void MetricTable::load_state(const State& state) {
  clear();
  for (const auto& [key, value] : state.entries()) {
    slot(std::get<std::string>(key)) = Scalar::of(value);
  }
}

State MetricTables::state() const {
  return State::map({{"callback", callback.state()},
                     {"logged", logged.state()},
                     {"progress_bar", progress_bar.state()}});
}

void MetricTables::load_state(const State& state) {
  callback.load_state(state.at("callback"));
  logged.load_state(state.at("logged"));
  progress_bar.load_state(state.at("progress_bar"));
}

State LogStore::state(const Module& module) const {
  State all = State::list();
  for (const Entry& entry : entries_) {
    State one = State::map();
    one["hook"] = hook_name(entry.hook);
    one["name"] = entry.name;
    one["meta"] = meta_state(entry.meta);
    const std::string* metric = name_of(module, entry.metric);
    one["metric"] = metric != nullptr ? State(*metric) : State();
    one["has_reset"] = entry.has_reset;
    one["step"] = entry.step.state();
    one["sum"] = entry.sum.state();
    one["weight"] = entry.weight;
    one["epoch"] = entry.epoch ? entry.epoch->state() : State();
    all.push_back(std::move(one));
  }
  return State::map(
      {{"entries", std::move(all)}, {"cursor", static_cast<int64_t>(cursor_)}});
}

void LogStore::load_state(const State& state, const Module& module) {
  step_map_.clear();
  entries_.clear();
  for (const State& one : state.at("entries").items()) {
    const Hook hook = hook_of(one.at("hook").as_string());
    const State& metric = one.at("metric");
    Entry& entry = find_or_add(
        hook, one.at("name").as_string(), meta_of(one.at("meta")),
        metric.is_none() ? nullptr : metric_of(module, metric.as_string()));
    entry.has_reset = one.at("has_reset").as_bool();
    entry.step = Scalar::of(one.at("step"));
    entry.sum = Scalar::of(one.at("sum"));
    entry.weight = one.at("weight").as_double();
    const State& epoch = one.at("epoch");
    if (!epoch.is_none()) entry.epoch = Scalar::of(epoch);
  }
  const int64_t cursor = state.at("cursor").as_int();
  cursor_ = cursor >= 0 && cursor < static_cast<int64_t>(entries_.size())
                ? static_cast<std::size_t>(cursor)
                : 0;
}

State LogBook::state(const std::optional<Bookmark>& suspended) const {
  const auto first = suspended ? suspended->first : static_cast<int>(first_);
  return State::map(
      {{"tables", tables_.state()},
       {"first", first},
       {"last_hook", hook_name(suspended ? Hook::kNone : last_hook_)}});
}

void LogBook::load_state(const State& state) {
  tables_.load_state(state.at("tables"));
  const int64_t first = state.at("first").as_int();
  first_ = static_cast<First>(
      std::clamp<int64_t>(first, 0, static_cast<int64_t>(First::kLaterBatch)));
  last_hook_ = hook_of(state.at("last_hook").as_string());
}

}  // namespace bolt::detail
