#include "callbacks/checkpoint_triggers.h"

#include <torchbolt/callbacks/model_checkpoint.h>
#include <torchbolt/core/error.h>

#include <ratio>

namespace bolt::detail {
namespace {

// As Python writes it.
std::string interval_text(const std::optional<std::chrono::nanoseconds>& time) {
  if (!time) return "None";
  using Days = std::chrono::duration<int64_t, std::ratio<86400>>;
  const auto days = std::chrono::duration_cast<Days>(*time);
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(*time - days);
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(
      *time - days - seconds);
  std::string parts;
  const auto add = [&](const char* name, int64_t count) {
    if (count == 0) return;
    parts += (parts.empty() ? "" : ", ") + std::string(name) + "=" +
             std::to_string(count);
  };
  add("days", days.count());
  add("seconds", seconds.count());
  add("microseconds", micros.count());
  return "datetime.timedelta(" + (parts.empty() ? "0" : parts) + ")";
}

}  // namespace

CheckpointTriggers::CheckpointTriggers(const ModelCheckpointOptions& o) {
  const auto at_least_0 = [](const char* name, int64_t value) {
    if (value >= 0) return;
    throw ConfigError({.where = "ModelCheckpoint",
                       .what = std::string(name) + " is negative",
                       .got = std::to_string(value),
                       .expected = "at least 0"});
  };
  const bool any =
      o.every_n_train_steps || o.every_n_epochs || o.train_time_interval;
  steps_ = o.every_n_train_steps.value_or(0);
  epochs_ = o.every_n_epochs.value_or(any ? 0 : 1);
  interval_ = o.train_time_interval;
  at_least_0("every_n_train_steps", steps_);
  at_least_0("every_n_epochs", epochs_);
  if (interval_) at_least_0("train_time_interval", interval_->count());
  const int triggers =
      (steps_ > 0 ? 1 : 0) + (epochs_ > 0 ? 1 : 0) + (interval_ ? 1 : 0);
  if (triggers <= 1) return;
  throw ConfigError({.where = "ModelCheckpoint",
                     .what =
                         "several of every_n_train_steps, every_n_epochs and "
                         "train_time_interval are set",
                     .got = std::to_string(triggers),
                     .expected = "at most one",
                     .tip = "use a ModelCheckpoint for each"});
}

bool CheckpointTriggers::time_is_due(const Clock& clock) {
  if (!interval_) return false;
  const auto now = clock.now();
  const bool due = last_time_ && now - *last_time_ >= *interval_;
  if (due) last_time_ = now;
  return due;
}

std::string CheckpointTriggers::text() const {
  return "'every_n_train_steps': " + std::to_string(steps_) +
         ", 'every_n_epochs': " + std::to_string(epochs_) +
         ", 'train_time_interval': " + interval_text(interval_);
}

}  // namespace bolt::detail
