#include <ATen/ATen.h>
#include <torchbolt/callbacks/early_stopping.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/log.h>
#include <torchbolt/trainer/monitor.h>
#include <torchbolt/trainer/trainer.h>

#include <cmath>
#include <sstream>
#include <utility>

namespace bolt {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

std::string text(double value) {
  std::ostringstream out;
  out.precision(6);
  out << value;
  return out.str();
}

[[noreturn]] void refuse(const char* what, double got, const char* expected) {
  throw ConfigError({.where = "EarlyStopping",
                     .what = what,
                     .got = text(got),
                     .expected = expected});
}

}  // namespace

EarlyStopping::EarlyStopping(EarlyStoppingOptions options)
    : options_(std::move(options)),
      best_score_(options_.mode == Mode::kMin ? kInf : -kInf) {
  if (options_.monitor.empty()) {
    throw ConfigError({.where = "EarlyStopping",
                       .what = "monitor is empty",
                       .expected = "the name of a logged metric"});
  }
  if (options_.patience < 0) {
    throw ConfigError({.where = "EarlyStopping",
                       .what = "patience is negative",
                       .got = std::to_string(options_.patience),
                       .expected = "at least 0"});
  }
  if (!(options_.min_delta >= 0)) {
    refuse("min_delta is out of range", options_.min_delta, "at least 0");
  }
  for (const auto& threshold :
       {options_.stopping_threshold, options_.divergence_threshold}) {
    if (threshold && std::isnan(*threshold)) {
      refuse("a threshold is no number", *threshold, "a number");
    }
  }
}

void EarlyStopping::setup(Trainer& trainer, Module&, Stage) {
  const TrainerOptions& o = trainer.options();
  const bool once_per_epoch =
      o.val_check_interval->is_one() && o.check_val_every_n_epoch == 1;
  on_train_epoch_end_ =
      options_.check_on_train_epoch_end.value_or(once_per_epoch);
}

void EarlyStopping::on_train_epoch_end(Trainer& trainer, Module&) {
  if (on_train_epoch_end_ && !skips(trainer)) check(trainer);
}

void EarlyStopping::on_validation_end(Trainer& trainer, Module&) {
  if (!on_train_epoch_end_ && !skips(trainer)) check(trainer);
}

bool EarlyStopping::skips(const Trainer& trainer) const {
  return trainer.function() != Stage::kFit || trainer.sanity_checking() ||
         trainer.fast_dev_run();
}

void EarlyStopping::check(Trainer& trainer) {
  const std::optional<double> current =
      monitored_metric(trainer, "EarlyStopping", options_.monitor,
                       options_.strict, options_.verbose);
  if (!current) return;
  const bool stops = trainer.fabric().any(evaluate(*current));
  if (stops) {
    trainer.request_stop();
    stopped_epoch_ = trainer.current_epoch();
  }
  if (options_.verbose && stops) log_info("[EarlyStopping] " + message_);
}

bool EarlyStopping::evaluate(double current) {
  const std::string& name = options_.monitor;
  if (options_.check_finite && !std::isfinite(current)) {
    return stop(StoppingReason::kNonFinite, name + " = " + text(current) +
                                                " is not finite; best was " +
                                                text(best_score_));
  }
  if (options_.stopping_threshold &&
      better(current, *options_.stopping_threshold)) {
    return stop(StoppingReason::kStoppingThreshold,
                name + " = " + text(current) + " reached the threshold " +
                    text(*options_.stopping_threshold));
  }
  if (options_.divergence_threshold &&
      better(-current, -*options_.divergence_threshold)) {
    return stop(StoppingReason::kDivergenceThreshold,
                name + " = " + text(current) +
                    " is beyond the divergence threshold " +
                    text(*options_.divergence_threshold));
  }
  const double delta = options_.min_delta;
  const double to_beat =
      options_.mode == Mode::kMin ? best_score_ - delta : best_score_ + delta;
  if (better(current, to_beat)) {
    if (options_.verbose) {
      log_info("[EarlyStopping] " + name + " improved from " +
               text(best_score_) + " to " + text(current));
    }
    best_score_ = current;
    wait_count_ = 0;
    return false;
  }
  if (++wait_count_ < options_.patience) return false;
  return stop(StoppingReason::kPatienceExhausted,
              name + " did not improve in " + std::to_string(wait_count_) +
                  " checks; best was " + text(best_score_));
}

bool EarlyStopping::better(double current, double than) const {
  return options_.mode == Mode::kMin ? current < than : current > than;
}

bool EarlyStopping::stop(StoppingReason reason, std::string message) {
  reason_ = reason;
  message_ = std::move(message);
  return true;
}

State EarlyStopping::state() const {
  return State::map(
      {{"wait_count", wait_count_},
       {"stopped_epoch", stopped_epoch_},
       {"best_score", at::scalar_tensor(best_score_, at::kDouble)},
       {"patience", options_.patience},
       {"stopping_reason", static_cast<int64_t>(reason_)},
       {"stopping_reason_message", message_}});
}

void EarlyStopping::load_state(const State& state) {
  wait_count_ = state.at("wait_count").as_int();
  stopped_epoch_ = state.at("stopped_epoch").as_int();
  best_score_ = state.at("best_score").as_double();
  options_.patience = state.at("patience").as_int();
  const int64_t reason = state.at("stopping_reason").as_int();
  if (reason < 0 || reason > static_cast<int64_t>(StoppingReason::kNonFinite)) {
    throw CheckpointError({.where = "EarlyStopping",
                           .what = "the stopping reason is not known",
                           .got = std::to_string(reason)});
  }
  reason_ = static_cast<StoppingReason>(reason);
  message_ = state.at("stopping_reason_message").as_string();
}

std::string EarlyStopping::state_key() const {
  return "EarlyStopping{'monitor': '" + options_.monitor + "', 'mode': '" +
         std::string(to_string(options_.mode)) + "'}";
}

}  // namespace bolt
