#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/errors.h"
#include "support/every_hook.h"
#include "support/log_capture.h"
#include "support/threads.h"

// What a user's exception leaves behind, wherever it comes from: it arrives as
// it was thrown, everybody is told once, no thread is left, and the Trainer can
// be used on.

namespace bolt {
namespace {

using testing::At;
using testing::LoudCallback;
using testing::LoudData;
using testing::LoudLogger;
using testing::LoudModule;

// No std::exception: nothing can have caught and wrapped it.
struct UserError {
  std::string place;
};

// Hears of exceptions; one stands before the callback that throws, one behind.
struct Witness : Callback {
  void on_exception(Trainer&, Module&, std::exception_ptr error) override {
    try {
      std::rethrow_exception(error);
    } catch (const UserError& user) {
      heard.push_back(user.place);
    } catch (...) {
      heard.emplace_back("another exception");
    }
  }
  std::vector<std::string> heard{};
};

// One of everything, all of it on one Trainer.
struct Run {
  Run(Stage stage, bool with_data, At at)
      : stage(stage),
        with_data(with_data),
        module(at),
        data(at),
        logger(std::make_shared<LoudLogger>(at)),
        trainer(options(at)) {}

  void start() {
    switch (stage) {
      case Stage::kFit:
        with_data ? trainer.fit(module, data) : trainer.fit(module);
        break;
      case Stage::kValidate:
        with_data ? trainer.validate(module, data) : trainer.validate(module);
        break;
      case Stage::kTest:
        with_data ? trainer.test(module, data) : trainer.test(module);
        break;
      case Stage::kPredict:
        with_data ? trainer.predict(module, data) : trainer.predict(module);
        break;
    }
  }

  TrainerOptions options(const At& at) {
    TrainerOptions options = testing::quiet({.max_epochs = 2});
    options.log_every_n_steps = 1;
    options.enable_progress_bar = true;  // its thread must end too
    options.callbacks = {before, std::make_shared<LoudCallback>(at), behind};
    options.logger = {logger, second_logger};
    return options;
  }

  Stage stage;
  bool with_data;
  LoudModule module;
  LoudData data;
  std::shared_ptr<Witness> before = std::make_shared<Witness>();
  std::shared_ptr<Witness> behind = std::make_shared<Witness>();
  std::shared_ptr<LoudLogger> logger;
  std::shared_ptr<LoudLogger> second_logger =
      std::make_shared<LoudLogger>([](const std::string&) {});
  Trainer trainer;
};

std::vector<std::string> places_of(Stage stage, bool with_data) {
  std::vector<std::string> places;
  Run run(stage, with_data, [&](const std::string& place) {
    if (std::ranges::find(places, place) == places.end()) {
      places.push_back(place);
    }
  });
  run.start();
  return places;
}

void throw_at(Stage stage, bool with_data, const std::string& place) {
  SCOPED_TRACE(place + (with_data ? ", data module" : ""));
  bool armed = true;
  Run run(stage, with_data, [&](const std::string& now) {
    if (armed && now == place) throw UserError{place};  // again and again
  });
  const auto threads_before = testing::threads_before();
  std::string arrived;
  try {
    run.start();
  } catch (const UserError& error) {
    arrived = error.place;
  } catch (const std::exception& error) {
    arrived = error.what();
  }
  EXPECT_EQ(arrived, place);
  EXPECT_EQ(testing::threads_after(threads_before), threads_before);
  EXPECT_EQ(run.trainer.status(), RunStatus::kInterrupted);
  EXPECT_EQ(run.before->heard, std::vector{place});
  EXPECT_EQ(run.behind->heard, std::vector{place});
  EXPECT_EQ(run.data.exceptions, with_data ? 1 : 0);
  for (const auto& logger : {run.logger, run.second_logger}) {
    EXPECT_EQ(std::ranges::count(logger->ended, LoggerStatus::kFailed), 1);
    EXPECT_EQ(logger->ended.back(), LoggerStatus::kFailed);
  }

  // On it goes, with the same objects.
  armed = false;
  EXPECT_NO_THROW(run.start());
  EXPECT_EQ(run.trainer.status(), RunStatus::kFinished);
  if (stage == Stage::kFit) {
    EXPECT_EQ(run.trainer.current_epoch(), 2);
  }
  EXPECT_TRUE(run.module.layer->is_training());
  EXPECT_EQ(run.before->heard.size(), 1u);
  EXPECT_EQ(run.logger->ended.back(), LoggerStatus::kSuccess);
  EXPECT_EQ(testing::threads_after(threads_before), threads_before);
}

void throw_everywhere(Stage stage, std::size_t at_least,
                      std::initializer_list<const char*> among_them) {
  const testing::LogCapture log;
  for (const bool with_data : {false, true}) {
    const std::vector<std::string> places = places_of(stage, with_data);
    ASSERT_GE(places.size(), at_least);
    for (const char* place : among_them) {
      EXPECT_NE(std::ranges::find(places, place), places.end()) << place;
    }
    for (const std::string& place : places) throw_at(stage, with_data, place);
  }
}

TEST(Throwing, AnywhereInAFit) {
  throw_everywhere(
      Stage::kFit, 74,
      {"callback.on_sanity_check_end", "module.on_validation_model_zero_grad",
       "module.lr_scheduler_step", "logger.log_metrics", "loader.next",
       "callback.teardown", "module.backward", "loader.close"});
}

TEST(Throwing, AnywhereInAValidation) {
  throw_everywhere(Stage::kValidate, 32, {"module.on_validation_model_eval"});
}

TEST(Throwing, AnywhereInATest) {
  throw_everywhere(Stage::kTest, 32, {"module.on_test_model_train"});
}

TEST(Throwing, AnywhereInAPrediction) {
  throw_everywhere(Stage::kPredict, 30, {"module.on_predict_model_eval"});
}

// Where batches come from, apart from hooks: all of it can throw.

// A generator that breaks off.
struct Breaking {
  struct Iterator {
    testing::Example operator*() const {
      if (k == 2) throw UserError{"third batch"};
      return {torch::ones({2, 1}), torch::ones({2, 1})};
    }
    Iterator& operator++() {
      ++k;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return k != other.k; }
    int64_t k = 0;
  };
  Iterator begin() const { return {}; }
  Iterator end() const { return {.k = 5}; }
};

// A dataset that does, read by threads.
struct Broken {
  std::size_t size() const { return 8; }
  testing::Example get(std::size_t index) const {
    if (index == 5) throw UserError{"sample 5"};
    return {torch::ones({1}), torch::ones({1})};
  }
};

// A stream that does.
struct Torn {
  void start(const StreamShard&) { read = 0; }
  std::optional<testing::Example> next() {
    if (read++ == 5) throw UserError{"sample 5"};
    return testing::Example{torch::ones({1}), torch::ones({1})};
  }
  int read = 0;
};

template <class Loader>
void expect_thrown(Loader&& loader, const std::string& place) {
  for (const Stage stage :
       {Stage::kFit, Stage::kValidate, Stage::kTest, Stage::kPredict}) {
    SCOPED_TRACE(std::string(to_string(stage)) + " " + place);
    const auto threads_before = testing::threads_before();
    auto witness = std::make_shared<Witness>();
    TrainerOptions options = testing::quiet({.max_epochs = 1});
    options.callbacks = {witness};
    Trainer trainer(options);
    testing::Line model;
    try {
      switch (stage) {
        case Stage::kFit:
          trainer.fit(model, loader);
          break;
        case Stage::kValidate:
          trainer.validate(model, loader);
          break;
        case Stage::kTest:
          trainer.test(model, loader);
          break;
        case Stage::kPredict:
          trainer.predict(model, loader);
          break;
      }
      ADD_FAILURE() << "nothing was thrown";
    } catch (const UserError& error) {
      EXPECT_EQ(error.place, place);
    }
    EXPECT_EQ(witness->heard, std::vector{place});
    EXPECT_EQ(testing::threads_after(threads_before), threads_before);
    EXPECT_NO_THROW(trainer.fit(model, testing::line_batches(2)));
    EXPECT_EQ(trainer.status(), RunStatus::kFinished);
  }
}

TEST(Throwing, ALoaderOfAnyKind) {
  const testing::LogCapture log;
  expect_thrown(Breaking(), "third batch");
  expect_thrown(DataLoader(Broken(), {.batch_size = 2}), "sample 5");
  expect_thrown(DataLoader(Broken(), {.batch_size = 2, .num_workers = 2}),
                "sample 5");
  expect_thrown(StreamLoader(Torn(), {.batch_size = 2}), "sample 5");
  expect_thrown(StreamLoader(Torn(), {.batch_size = 2, .num_workers = 2}),
                "sample 5");
}

}  // namespace
}  // namespace bolt
