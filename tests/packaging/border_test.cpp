// What crosses the border between a program and the shared library: exceptions,
// casts, types that the program derives.

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "support/models.h"

namespace bolt {
namespace {

using testing::Line;
using testing::line_batches;
using testing::quiet;

// Caught by its own type, by each of its bases, and thrown by the library.
TEST(Border, ErrorsAreCaughtByType) {
  const auto make = [] { Trainer({.max_epochs = -7}); };
  EXPECT_THROW(make(), ConfigError);
  EXPECT_THROW(make(), Error);
  EXPECT_THROW(make(), std::runtime_error);
  EXPECT_THROW(State(1).as_string(), CheckpointError);
  EXPECT_THROW(read_idx("/nowhere"), DataError);
}

struct Counting : Callback {
  void on_train_batch_end(Trainer&, Module&, const StepOutput&, const AnyBatch&,
                          const StepContext&) override {
    ++batches;
  }
  int batches = 0;
};

TEST(Border, CallbacksAreFoundByType) {
  Trainer trainer(quiet({
      .max_epochs = 2,
      .callbacks = {EarlyStopping({.monitor = "val_loss"}), Counting(),
                    LambdaCallback({})},
  }));
  Line line;
  trainer.fit(line, line_batches(3), line_batches(1));
  EXPECT_EQ(trainer.callback<EarlyStopping>().options().monitor, "val_loss");
  EXPECT_EQ(trainer.callback<Counting>().batches, 6);
  EXPECT_NE(trainer.find_callback<LambdaCallback>(), nullptr);
  EXPECT_EQ(trainer.find_callback<Timer>(), nullptr);
  EXPECT_THROW(trainer.callback<Timer>(), ConfigError);
}

struct Keeping : Logger {
  std::string name() const override { return "keeping"; }
  std::string version() const override { return "0"; }
  void log_metrics(const MetricMap& metrics, int64_t) override {
    rows.push_back(metrics);
  }
  std::vector<MetricMap> rows{};
};

TEST(Border, LoggersOfTheProgramAreCalled) {
  auto logger = std::make_shared<Keeping>();
  auto options = quiet({.max_epochs = 1});
  options.logger = logger;
  options.log_every_n_steps = 1;
  Trainer trainer(std::move(options));
  Line line;
  trainer.fit(line, line_batches(3));
  ASSERT_EQ(logger->rows.size(), 3u);
  EXPECT_TRUE(logger->rows.front().contains("loss"));
}

// The library asks an AnyBatch of the program for its type.
TEST(Border, BatchesAreOfOneType) {
  const auto batches = line_batches(1);
  AnyBatch batch;
  batch.refer(batches.front());
  EXPECT_NO_THROW(batch.as<testing::Example>());
  EXPECT_THROW(batch.as<at::Tensor>(), DataError);
}

struct OwnError : ConfigError {
  using ConfigError::ConfigError;
};

// Through the library's loop, and out of it again, unchanged.
TEST(Border, ErrorsOfTheProgramPassThrough) {
  Line line;
  line.on_hook = [](const std::string& hook) {
    if (hook == "training_step") throw OwnError({.where = "here"});
  };
  Trainer trainer(quiet({.max_epochs = 1}));
  EXPECT_THROW(trainer.fit(line, line_batches(1)), OwnError);
  EXPECT_TRUE(trainer.interrupted());
}

}  // namespace
}  // namespace bolt
