#include <torchbolt/callbacks/timer.h>
#include <torchbolt/core/duration.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/log.h>
#include <torchbolt/trainer/trainer.h>

#include <algorithm>

namespace bolt {
namespace {

using Seconds = std::chrono::duration<double>;

using Times = std::map<Stage, Clock::TimePoint>;

std::optional<Clock::TimePoint> time_of(const Times& times, Stage stage) {
  const auto found = times.find(stage);
  return found == times.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

Timer::Timer(TimerOptions options) : options_(options) {
  if (!options_.duration || options_.duration->time().count() >= 0) return;
  throw ConfigError({.where = "Timer",
                     .what = "duration is negative",
                     .got = "-" + format_duration(-options_.duration->time()),
                     .expected = "at least 0"});
}

std::optional<Clock::TimePoint> Timer::start_time(Stage stage) const {
  return time_of(started_, stage);
}

std::optional<Clock::TimePoint> Timer::end_time(Stage stage) const {
  return time_of(ended_, stage);
}

std::chrono::nanoseconds Timer::time_elapsed(Stage stage) const {
  const auto before =
      stage == Stage::kFit ? before_ : std::chrono::nanoseconds(0);
  const auto started = started_.find(stage);
  if (started == started_.end()) return before;
  const auto ended = ended_.find(stage);
  const auto until = ended == ended_.end() ? clock_->now() : ended->second;
  return before + (until - started->second);
}

std::optional<std::chrono::nanoseconds> Timer::time_remaining() const {
  if (!options_.duration) return std::nullopt;
  return options_.duration->time() - time_elapsed();
}

void Timer::setup(Trainer& trainer, Module&, Stage) {
  if (const Clock* clock = trainer.options().seams.clock) clock_ = clock;
}

void Timer::on_fit_start(Trainer& trainer, Module&) { check(trainer); }

void Timer::on_train_batch_end(Trainer& trainer, Module&, const StepOutput&,
                               const AnyBatch&, const StepContext&) {
  if (options_.interval == TimerInterval::kStep) check(trainer);
}

void Timer::on_train_epoch_end(Trainer& trainer, Module&) {
  if (options_.interval == TimerInterval::kEpoch) check(trainer);
}

void Timer::start(Stage stage) {
  started_[stage] = clock_->now();
  ended_.erase(stage);
}

void Timer::end(Stage stage) { ended_[stage] = clock_->now(); }

void Timer::check(Trainer& trainer) {
  const auto left = time_remaining();
  if (!left || *left > std::chrono::nanoseconds(0)) return;
  trainer.request_stop();
  if (options_.verbose) {
    log_info("[Timer] time is up after " + format_duration(time_elapsed()));
  }
}

State Timer::state() const {
  State elapsed = State::map();
  for (const Stage stage : {Stage::kFit, Stage::kValidate, Stage::kTest}) {
    elapsed[loop_name(stage)] = Seconds(time_elapsed(stage)).count();
  }
  return State::map({{"time_elapsed", elapsed}});
}

void Timer::load_state(const State& state) {
  const double seconds = state.at("time_elapsed").at("train").as_double();
  before_ =
      std::chrono::duration_cast<std::chrono::nanoseconds>(Seconds(seconds));
}

std::string Timer::state_key() const { return "Timer"; }

}  // namespace bolt
