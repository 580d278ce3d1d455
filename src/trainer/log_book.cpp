#include "trainer/log_book.h"

#include <torchbolt/core/error.h>
#include <torchbolt/trainer/module.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <string>
#include <utility>

namespace bolt {

Reduce parse_reduce(std::string_view text) {
  std::string name(text);
  std::ranges::transform(name, name.begin(),
                         [](unsigned char c) { return std::tolower(c); });
  if (name == "mean" || name == "avg") return Reduce::kMean;
  if (name == "sum") return Reduce::kSum;
  if (name == "min") return Reduce::kMin;
  if (name == "max") return Reduce::kMax;
  throw ConfigError({.where = "log",
                     .what = "reduce_fx is not known",
                     .got = "\"" + std::string(text) + "\"",
                     .expected = "mean, avg, sum, min or max",
                     .tip = "log a metric object for any other reduction"});
}

namespace detail {
namespace {

struct Levels {
  bool on_step;
  bool on_epoch;
};

Levels levels(Hook hook, const LogOptions& options) {
  const bool step_hook = log_rule(hook) == LogRule::kStep;
  return {.on_step = options.on_step.value_or(step_hook),
          .on_epoch = options.on_epoch.value_or(!step_hook)};
}

void check_levels(Hook hook, std::string_view name, Levels levels) {
  const std::string where(hook_name(hook));
  if (log_rule(hook) == LogRule::kEpochOnly) {
    if (levels.on_step) {
      throw ConfigError(
          {.where = where,
           .what = log_call(name) + " can't log a step's value here",
           .got = "on_step = true",
           .expected = "on_step = false"});
    }
    if (!levels.on_epoch) {
      throw ConfigError(
          {.where = where,
           .what = log_call(name) + " can only log for the epoch here",
           .got = "on_epoch = false",
           .expected = "on_epoch = true"});
    }
  }
  if (!levels.on_step && !levels.on_epoch) {
    throw ConfigError({.where = where,
                       .what = log_call(name) + " would log nothing",
                       .got = "on_step = false and on_epoch = false",
                       .expected = "at least one of them true"});
  }
}

void check_registered(const Module& module, std::string_view name,
                      const LogValue& value) {
  if (value.metric() == nullptr) return;
  const auto& known = module.registered_metrics();
  if (std::ranges::any_of(known, [&](const auto& entry) {
        return entry.second == value.metric();
      })) {
    return;
  }
  throw ConfigError({.where = log_call(name),
                     .what = "the metric is not part of the module",
                     .tip = "call register_metric(\"" + std::string(name) +
                            "\", metric) in the module's constructor"});
}

// A metric called "step" as a step.
int64_t to_step(double value) {
  constexpr double kMost = 9007199254740992.0;  // 2^53: whole numbers end here
  if (std::abs(value) <= kMost) return static_cast<int64_t>(value);
  throw ConfigError({.where = log_call("step"),
                     .what = "the value is taken for the x axis, and is no "
                             "number of steps",
                     .got = std::to_string(value),
                     .tip = "log it under another name"});
}

}  // namespace

void LogBook::check_allowed(Hook hook, std::string_view name,
                            const LogOptions& options) const {
  if (store_ == nullptr) {
    throw ConfigError({.where = log_call(name),
                       .what = "nothing can be logged now",
                       .got = hook == Hook::kNone
                                  ? std::string("a call outside of any hook")
                                  : "a call in " + std::string(hook_name(hook)),
                       .tip =
                           "log in a step or one of its hooks; predict hooks "
                           "don't log"});
  }
  if (hook == Hook::kNone) {
    throw ConfigError({.where = log_call(name),
                       .what = "no hook of the Trainer is running",
                       .tip = "call log() from a step or a hook"});
  }
  if (log_rule(hook) == LogRule::kForbidden) {
    throw ConfigError({.where = std::string(hook_name(hook)),
                       .what = log_call(name) + " is not allowed in this hook",
                       .tip = "log in a step, or send the value straight to "
                              "trainer().logger()"});
  }
  if (options.add_dataloader_idx &&
      name.find("/dataloader_idx_") != std::string_view::npos) {
    throw ConfigError({.where = log_call(name),
                       .what = "the name holds a loader index, which is added "
                               "to it anyway",
                       .tip = "leave it out, or set .add_dataloader_idx = "
                              "false"});
  }
}

void LogBook::log(Hook hook, const Module& module, std::string_view name,
                  const LogValue& value, const LogOptions& options) {
  check_allowed(hook, name, options);
  const Levels level = levels(hook, options);
  check_levels(hook, name, level);
  check_registered(module, name, value);
  if (last_hook_ != hook && first_ != First::kLaterBatch) {
    // A new epoch's first call in this hook.
    store_->reset_hook(hook);
  }
  if (options.logger.value_or(false) && loggers.empty()) {
    once_.warning("[log] " + log_call(name) +
                  " asks for a logger, and the Trainer has none");
  }
  store_->log(hook, name, value,
              {.prog_bar = options.prog_bar,
               .logger = options.logger.value_or(true),
               .on_step = level.on_step,
               .on_epoch = level.on_epoch,
               .reduce_fx = options.reduce_fx,
               .sync_dist = options.sync_dist,
               .rank_zero_only = options.rank_zero_only,
               .add_dataloader_idx = options.add_dataloader_idx},
              options.batch_size);
  last_hook_ = hook;
}

void LogBook::on_batch_start(const AnyBatch& batch,
                             std::optional<int64_t> dataloader_idx) {
  if (first_ == First::kNoBatch) {
    first_ = First::kFirstBatch;
  } else {
    first_ = First::kLaterBatch;
  }
  store_->begin_batch(&batch, dataloader_idx);
}

void LogBook::on_batch_end() {
  store_->update(tables_, on_step());
  store_->end_batch();
}

void LogBook::on_epoch_end() {
  store_->update(tables_, on_step());
  last_hook_ = Hook::kNone;
}

void LogBook::reset_results() {
  if (store_ != nullptr) store_->reset();
  first_ = First::kNoBatch;
  last_hook_ = Hook::kNone;
}

MetricMap LogBook::finish_loader() {
  store_->update(tables_, on_step());
  return store_->for_loggers(on_step());
}

void LogBook::send(MetricMap metrics, LogPosition position) {
  if (metrics.empty() || loggers.empty()) return;
  int64_t step = position.step;
  if (const auto own = metrics.find("step"); own != metrics.end()) {
    step = to_step(own->second);
    metrics.erase(own);
  } else {
    metrics.emplace("epoch", static_cast<double>(position.epoch));
  }
  // A lone "step" leaves nothing to send, and is sent all the same.
  deliver(metrics, step);
}

void LogBook::send_step_metrics(LogPosition position) {
  if (loggers.empty() || !on_step()) {
    send(step_metrics(), position);
    return;
  }
  MetricMap& metrics = store_->step_map();
  if (metrics.empty()) return;
  if (metrics.contains("step")) {
    send(metrics, position);
    return;
  }
  const auto [epoch, is_ours] =
      metrics.try_emplace("epoch", static_cast<double>(position.epoch));
  deliver(metrics, position.step);
  if (is_ours) metrics.erase(epoch);
}

void LogBook::send_at(const MetricMap& metrics, int64_t step) {
  if (!metrics.empty()) deliver(metrics, step);
}

void LogBook::log_metrics(const MetricMap& metrics, LogPosition position,
                          std::optional<int64_t> step) {
  for (const auto& [name, value] : metrics) {
    tables_.logged.slot(name) = {.number = value};
  }
  if (step) {
    send_at(metrics, *step);
  } else {
    send(metrics, position);
  }
}

void LogBook::report(const MetricMap& metrics, int64_t step) {
  for (const auto& [name, value] : metrics) {
    tables_.callback.slot(name) = {.number = value};
  }
  send_at(metrics, step);
}

void LogBook::deliver(const MetricMap& metrics, int64_t step) {
  to_loggers([&](Logger& logger) {
    logger.log_metrics(metrics, step);
    logger.save();
  });
}

MetricMap LogBook::live(const MetricTable& table) {
  if (store_ != nullptr) store_->update(tables_, on_step());
  return table.read();
}

LogBook::Bookmark LogBook::suspend(LogStore* store) {
  const Bookmark bookmark{store_, static_cast<int>(first_)};
  use(store);
  return bookmark;
}

void LogBook::resume(Bookmark bookmark) {
  use(bookmark.store);
  first_ = static_cast<First>(bookmark.first);
}

}  // namespace detail
}  // namespace bolt
