#include <gtest/gtest.h>

#include <set>

#include "support/errors.h"
#include "support/models.h"
#include "support/row_logger.h"

namespace bolt {
namespace {

using testing::has;
using testing::Line;
using testing::line_batches;
using testing::message_of;
using testing::quiet;

struct Kept final : testing::RowLogger {
  void log_metrics(const MetricMap& metrics, int64_t step) override {
    RowLogger::log_metrics(metrics, step);
    for (const auto& [key, value] : metrics) {
      if (key.starts_with("DeviceStatsMonitor.")) keys.push_back({key, step});
    }
  }
  std::vector<std::pair<std::string, int64_t>> keys{};
};
using Rows = decltype(Kept::keys);

std::shared_ptr<Kept> run(DeviceStatsMonitorOptions monitor, int64_t every) {
  const auto kept = std::make_shared<Kept>();
  TrainerOptions options = quiet({.max_epochs = 1, .logger = kept});
  options.log_every_n_steps = every;
  options.callbacks = {DeviceStatsMonitor(std::move(monitor))};
  Line model;
  Trainer trainer(options);
  trainer.fit(model, line_batches(4), line_batches(3));
  trainer.test(model, line_batches(3), {.verbose = false});
  return kept;
}

TEST(DeviceStatsMonitor, TellsWhatTheProcessorDoes) {
  const auto kept = run({}, 1);
  const std::string at = "DeviceStatsMonitor.on_train_batch_end/";
  for (const char* name : {"cpu_percent", "cpu_vm_percent"}) {
    ASSERT_TRUE(kept->latest.contains(at + name)) << name;
    EXPECT_GE(kept->latest.at(at + name), 0) << name;
    EXPECT_LE(kept->latest.at(at + name), 100) << name;
  }
  EXPECT_TRUE(kept->latest.contains(at + "cpu_swap_percent"));
  EXPECT_GT(kept->latest.at(at + "cpu_vm_percent"), 0);
  // A process with libtorch in it takes more than this, and less than that.
  EXPECT_GT(kept->latest.at(at + "cpu_process_rss"), 3e7);
  EXPECT_LT(kept->latest.at(at + "cpu_process_rss"), 1e11);
}

TEST(DeviceStatsMonitor, SendsWhenLoggingIsDue) {
  const auto kept = run({.filter_keys = {"cpu_percent"}}, 2);
  const auto key = [](const std::string& hook) {
    return "DeviceStatsMonitor." + hook + "/cpu_percent";
  };
  EXPECT_EQ(kept->keys, (Rows{{key("on_train_batch_start"), 1},
                              {key("on_train_batch_end"), 1},
                              {key("on_train_batch_start"), 3},
                              {key("on_train_batch_end"), 3},
                              {key("on_validation_batch_start"), 3},
                              {key("on_validation_batch_end"), 3},
                              {key("on_test_batch_start"), 4},
                              {key("on_test_batch_end"), 4}}));
}

TEST(DeviceStatsMonitor, CanBeTurnedOffForTheProcessor) {
  EXPECT_TRUE(run({.cpu_stats = false}, 1)->keys.empty());
}

TEST(DeviceStatsMonitor, RefusesWhatIsntThere) {
  EXPECT_TRUE(has(
      message_of<ConfigError>([] { run({.filter_keys = {"cpu_precent"}}, 1); }),
      {"cpu_precent", "did you mean \"cpu_percent\""}));
  Line model;
  TrainerOptions none = quiet({.max_epochs = 1});
  none.callbacks = {DeviceStatsMonitor()};
  EXPECT_TRUE(has(message_of<ConfigError>(
                      [&] { Trainer(none).fit(model, line_batches(2)); }),
                  {"DeviceStatsMonitor", "no logger"}));
}

}  // namespace
}  // namespace bolt
