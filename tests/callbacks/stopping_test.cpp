#include <gtest/gtest.h>

#include <cmath>

#include "support/errors.h"
#include "support/fake_clock.h"
#include "support/log_capture.h"
#include "support/models.h"

// What ends a fit: EarlyStopping and Timer, in all their modes.

namespace bolt {
namespace {

using namespace std::chrono_literals;
using testing::FakeClock;
using testing::has;
using testing::Line;
using testing::line_batches;
using testing::LogCapture;
using testing::message_of;
using testing::quiet;

// Logs the next of these values in each validation.
struct Scripted : Line {
  explicit Scripted(std::vector<double> values) : values(std::move(values)) {}
  void validation_step(const Batch&, StepContext&) override {
    log("score", values[std::min(next++, values.size() - 1)]);
  }
  std::vector<double> values;
  std::size_t next = 0;
};

struct Ended {
  int64_t epochs;
  EarlyStopping stopping;
};

Ended run(std::vector<double> values, EarlyStoppingOptions options,
          TrainerOptions trainer_options = {.max_epochs = 8}) {
  Scripted model(std::move(values));
  if (options.monitor.empty()) options.monitor = "score";
  trainer_options = quiet(trainer_options);
  trainer_options.num_sanity_val_steps = 0;
  trainer_options.callbacks = {EarlyStopping(options)};
  Trainer trainer(trainer_options);
  trainer.fit(model, line_batches(4), line_batches(1));
  return {trainer.current_epoch(), trainer.callback<EarlyStopping>()};
}

TEST(EarlyStopping, LooksUpwardsInModeMax) {
  const auto threshold =
      run({1, 5, 9}, {.mode = Mode::kMax, .stopping_threshold = 4});
  EXPECT_EQ(threshold.epochs, 2);
  EXPECT_EQ(threshold.stopping.stopping_reason(),
            StoppingReason::kStoppingThreshold);
  const auto diverged =
      run({1, -5}, {.mode = Mode::kMax, .divergence_threshold = -4});
  EXPECT_EQ(diverged.epochs, 2);
  EXPECT_EQ(diverged.stopping.stopping_reason(),
            StoppingReason::kDivergenceThreshold);
  const auto small = run({1, 1.05, 1.1, 1.15},
                         {.min_delta = 0.2, .patience = 2, .mode = Mode::kMax});
  EXPECT_EQ(small.epochs, 3);
  EXPECT_EQ(small.stopping.best_score(), 1);
}

TEST(EarlyStopping, WantsMoreThanItsThresholds) {
  EXPECT_EQ(run({5, 3, 3}, {.patience = 9, .stopping_threshold = 3}).epochs, 8);
  EXPECT_EQ(run({5, 10}, {.patience = 9, .divergence_threshold = 10}).epochs,
            8);
  // Exactly min_delta better isn't better.
  EXPECT_EQ(run({5, 4.5, 4.5}, {.min_delta = 0.5, .patience = 2}).epochs, 3);
}

TEST(EarlyStopping, TakesWhatIsntFiniteAsItIsTold) {
  const double inf = std::numeric_limits<double>::infinity();
  EXPECT_EQ(run({5, inf}, {}).stopping.stopping_reason(),
            StoppingReason::kNonFinite);
  const auto on = run({5, std::nan(""), 4, 3, 2, 1, 0, -1},
                      {.patience = 2, .check_finite = false});
  EXPECT_EQ(on.epochs, 8);
  EXPECT_EQ(on.stopping.best_score(), -1);
}

TEST(EarlyStopping, CountsChecksAfterTheBest) {
  const auto ended = run({5, 4, 4, 3, 4, 4, 4}, {.patience = 3});
  EXPECT_EQ(ended.epochs, 7);
  EXPECT_EQ(ended.stopping.stopped_epoch(), 6);
  EXPECT_EQ(ended.stopping.wait_count(), 3);
  EXPECT_EQ(ended.stopping.best_score(), 3);
  EXPECT_TRUE(has(ended.stopping.stopping_reason_message(),
                  {"score did not improve in 3 checks", "best was 3"}));
  EXPECT_EQ(run({5, 5}, {.patience = 0}).epochs, 2);
  const auto never = run({5, 4, 3, 2, 1, 0, -1, -2}, {});
  EXPECT_EQ(never.stopping.stopping_reason_message(), "")
      << "nothing was stopped";
}

TEST(EarlyStopping, LooksAtTheEndOfEpochsOrOfValidations) {
  // Twice an epoch: by itself it looks at each validation.
  const TrainerOptions twice{.max_epochs = 8, .val_check_interval = 0.5};
  EXPECT_EQ(run({5, 6, 6, 6}, {.patience = 3}, twice).epochs, 2);
  EXPECT_EQ(run({5, 6, 6, 6}, {.patience = 3, .check_on_train_epoch_end = true},
                twice)
                .epochs,
            4)
      << "6 is the first epoch's last value, and the best";
  const TrainerOptions seldom{.max_epochs = 8, .check_val_every_n_epoch = 2};
  EXPECT_EQ(run({5, 6, 6}, {.patience = 2}, seldom).epochs, 6);
  EXPECT_EQ(run({5, 6, 6}, {.patience = 2, .check_on_train_epoch_end = true},
                {.max_epochs = 8})
                .epochs,
            3);
}

TEST(EarlyStopping, SaysWhatItSees) {
  LogCapture log;
  run({5, 4, 4}, {.patience = 1, .verbose = true});
  EXPECT_EQ(log.count("score improved from inf to 5"), 1);
  EXPECT_EQ(log.count("score improved from 5 to 4"), 1);
  EXPECT_EQ(log.count("did not improve in 1 checks"), 1);
}

TEST(EarlyStopping, GoesOnWithoutItsMetricUnlessStrict) {
  LogCapture log;
  const auto ended =
      run({5}, {.monitor = "scroe", .verbose = true, .strict = false},
          {.max_epochs = 2});
  EXPECT_EQ(ended.epochs, 2);
  EXPECT_EQ(log.count("did you mean \"score\""), 2);
  // Trained metrics count too.
  EXPECT_TRUE(has(message_of<ConfigError>([] { run({5}, {.monitor = "los"}); }),
                  {"one of: loss, score", "did you mean \"loss\""}));
}

TEST(EarlyStopping, LooksAtFitsOnly) {
  Scripted model({5, std::nan("")});
  TrainerOptions options = quiet({.max_epochs = 1});
  options.callbacks = {EarlyStopping({.monitor = "score"})};
  Trainer trainer(options);  // a sanity check comes first
  model.values = {std::nan(""), 5, 5, 5};
  trainer.fit(model, line_batches(2), line_batches(1));
  EXPECT_EQ(trainer.callback<EarlyStopping>().stopping_reason(),
            StoppingReason::kNotStopped);
  model.values = {std::nan("")};
  trainer.validate(model, line_batches(1), {.verbose = false});
  EXPECT_EQ(trainer.callback<EarlyStopping>().stopping_reason(),
            StoppingReason::kNotStopped);
}

TEST(EarlyStopping, RefusesNumbersThatMeanNothing) {
  const double nan = std::nan("");
  EXPECT_TRUE(has(message_of<ConfigError>([] {
                    EarlyStopping({.monitor = "x", .min_delta = -0.1});
                  }),
                  {"min_delta", "-0.1", "at least 0"}));
  EXPECT_THROW(EarlyStopping({.monitor = "x", .min_delta = nan}), ConfigError);
  EXPECT_THROW(EarlyStopping({.monitor = "x", .stopping_threshold = nan}),
               ConfigError);
  EXPECT_THROW(EarlyStopping({.monitor = "x", .divergence_threshold = nan}),
               ConfigError);
  EXPECT_TRUE(has(message_of<ConfigError>([] { parse_mode("auto"); }),
                  {"auto", "min or max"}));
}

// -- Timer -------------------------------------------------------------------

struct Slow : Line {
  explicit Slow(FakeClock& clock) {
    on_hook = [&clock](const std::string& hook) {
      if (hook == "training_step") clock.advance(2s);
    };
  }
};

struct TimedRun {
  int64_t steps;
  int64_t epochs;
  std::optional<std::chrono::nanoseconds> left;
};

TimedRun timed(TimerOptions timer, TrainerOptions options = {}) {
  FakeClock clock;
  Slow model(clock);
  options.max_epochs = 4;
  options = quiet(options);
  options.seams.clock = &clock;
  options.callbacks = {Timer(timer)};
  Trainer trainer(options);
  trainer.fit(model, line_batches(5));
  return {trainer.global_step(), trainer.current_epoch(),
          trainer.callback<Timer>().time_remaining()};
}

TEST(Timer, StopsAfterABatchOrAnEpoch) {
  LogCapture log;
  const auto step = timed({.duration = 12s});
  EXPECT_EQ(step.steps, 6);
  EXPECT_EQ(step.left, 0s);
  EXPECT_GE(log.count("time is up"), 1);
  const auto epoch = timed(
      {.duration = 12s, .interval = TimerInterval::kEpoch, .verbose = false});
  EXPECT_EQ(epoch.steps, 10);
  EXPECT_EQ(epoch.epochs, 2);
  const auto forever = timed({});
  EXPECT_EQ(forever.steps, 20);
  EXPECT_FALSE(forever.left);
}

TEST(Timer, WithoutTimeNothingIsTrained) {
  EXPECT_EQ(timed({.duration = 0s}).steps, 0);
  TrainerOptions least;
  least.min_epochs = 1;
  EXPECT_EQ(timed({.duration = 0s}, least).steps, 5)
      << "min_epochs counts for more";
}

TEST(Timer, TellsWhenStagesBeganAndEnded) {
  FakeClock clock;
  const auto began = clock.now();
  Slow model(clock);
  TrainerOptions options = quiet({.max_epochs = 1});
  options.seams.clock = &clock;
  options.callbacks = {Timer()};
  Trainer trainer(options);
  EXPECT_FALSE(trainer.callback<Timer>().start_time());
  trainer.fit(model, line_batches(3));
  const auto& timer = trainer.callback<Timer>();
  EXPECT_EQ(timer.start_time(), began);
  EXPECT_EQ(timer.end_time(), began + 6s);
  EXPECT_FALSE(timer.start_time(Stage::kTest));
  EXPECT_EQ(timer.time_elapsed(Stage::kTest), 0s);
}

TEST(Timer, RefusesTimesThatAreNone) {
  EXPECT_TRUE(has(message_of<ConfigError>([] { Timer({.duration = -5s}); }),
                  {"Timer", "duration is negative"}));
  EXPECT_THROW(Timer({.duration = "1 hour"}), ConfigError);
  EXPECT_EQ(Timer({.duration = "00:00:01:30"}).time_remaining(), 90s);
}

}  // namespace
}  // namespace bolt
