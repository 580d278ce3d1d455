#include <gtest/gtest.h>

#include "support/errors.h"
#include "support/fake_clock.h"
#include "support/models.h"
#include "support/row_logger.h"

namespace bolt {
namespace {

using namespace std::chrono_literals;
using testing::FakeClock;
using testing::has;
using testing::Line;
using testing::line_batches;
using testing::message_of;
using testing::quiet;

TEST(Throughput, HasLightningsNamesAndFormulas) {
  Throughput one({.available_flops = 50, .window_size = 3});
  one.update(
      {.time = 1, .batches = 1, .samples = 4, .lengths = 8, .flops = 10});
  EXPECT_EQ(
      one.compute(),
      (MetricMap{{"time", 1}, {"batches", 1}, {"samples", 4}, {"lengths", 8}}));
  one.update(
      {.time = 2, .batches = 2, .samples = 8, .lengths = 20, .flops = 20});
  one.update(
      {.time = 5, .batches = 3, .samples = 12, .lengths = 32, .flops = 30});
  EXPECT_EQ(one.compute(), (MetricMap{{"time", 5},
                                      {"batches", 3},
                                      {"samples", 12},
                                      {"lengths", 32},
                                      {"device/batches_per_sec", 0.5},
                                      {"device/samples_per_sec", 2},
                                      {"device/items_per_sec", 6},
                                      {"device/flops_per_sec", 12.5},
                                      {"device/mfu", 0.25}}));
  // The window moves on.
  one.update(
      {.time = 6, .batches = 4, .samples = 32, .lengths = 64, .flops = 10});
  EXPECT_EQ(one.compute().at("device/samples_per_sec"), 6);

  Throughput four({.world_size = 4, .window_size = 2, .separator = "|"});
  four.update({.time = 1, .batches = 1, .samples = 1});
  four.update({.time = 2, .batches = 2, .samples = 3});
  EXPECT_EQ(four.compute(), (MetricMap{{"time", 2},
                                       {"batches", 2},
                                       {"samples", 3},
                                       {"device|batches_per_sec", 1},
                                       {"device|samples_per_sec", 2},
                                       {"batches_per_sec", 4},
                                       {"samples_per_sec", 8}}));
  Throughput later({.world_size = 4, .window_size = 2, .separator = "|"});
  later.load_state(four.state());
  EXPECT_EQ(later.compute(), four.compute());
  later.reset();
  EXPECT_TRUE(later.compute().empty());
}

TEST(Throughput, RefusesWhatDoesntGrow) {
  EXPECT_THROW(Throughput({.world_size = 0}), ConfigError);
  EXPECT_THROW(Throughput({.window_size = 1}), ConfigError);
  EXPECT_THROW(Throughput({.available_flops = 0}), ConfigError);
  const auto second = [](ThroughputCounts counts) {
    Throughput t;
    t.update({.time = 1, .batches = 2, .samples = 4, .lengths = 9});
    return message_of<ConfigError>([&] { t.update(counts); });
  };
  EXPECT_TRUE(has(second({.time = 1, .batches = 3, .samples = 5}),
                  {"time doesn't grow", "more than 1"}));
  EXPECT_TRUE(has(second({.time = 2, .batches = 2, .samples = 5}),
                  {"batches doesn't grow"}));
  EXPECT_TRUE(has(second({.time = 2, .batches = 3, .samples = 4}),
                  {"samples doesn't grow"}));
  EXPECT_TRUE(has(second({.time = 2, .batches = 6, .samples = 5}),
                  {"fewer samples than batches"}));
  EXPECT_TRUE(has(second({.time = 2, .batches = 3, .samples = 5, .lengths = 9}),
                  {"lengths doesn't grow"}));
  Throughput items;
  EXPECT_THROW(
      items.update({.time = 2, .batches = 3, .samples = 5, .lengths = 4}),
      ConfigError);
}

// Only what the monitor sends.
struct Kept final : testing::RowLogger {
  void log_metrics(const MetricMap& metrics, int64_t step) override {
    if (metrics.contains("train/time") || metrics.contains("validate/time") ||
        metrics.contains("test/time") || metrics.contains("predict/time")) {
      RowLogger::log_metrics(metrics, step);
    }
  }
};

struct Timed : Line {
  explicit Timed(FakeClock& clock) {
    on_hook = [&clock](const std::string& hook) {
      if (hook == "training_step") clock.advance(2s);
      if (hook == "validation_step") clock.advance(10s);
      if (hook == "test_step") clock.advance(4s);
      if (hook == "predict_step") clock.advance(5s);
    };
  }
};

TEST(ThroughputMonitor, TellsRatesOfEachStageInAFit) {
  FakeClock clock;
  Timed model(clock);
  const auto kept = std::make_shared<Kept>();
  TrainerOptions options = quiet({.max_epochs = 2, .logger = kept});
  options.num_sanity_val_steps = 1;
  options.log_every_n_steps = 1;
  options.seams.clock = &clock;
  options.callbacks = {ThroughputMonitor(
      {.length_fn = [](const AnyBatch&) { return 40; },
       .flops_per_batch = [](const AnyBatch&) { return 1000; },
       .available_flops = 2000,
       .window_size = 2})};
  Trainer trainer(options);
  trainer.fit(model, line_batches(2), line_batches(1));
  ASSERT_EQ(kept->rows.size(), 6);
  EXPECT_EQ(kept->rows[0].values, (MetricMap{{"epoch", 0},
                                             {"train/time", 2},
                                             {"train/batches", 1},
                                             {"train/samples", 4},
                                             {"train/lengths", 40}}));
  EXPECT_EQ(kept->rows[1].step, 1);
  EXPECT_EQ(kept->rows[1].values,
            (MetricMap{{"epoch", 0},
                       {"train/time", 4},
                       {"train/batches", 2},
                       {"train/samples", 8},
                       {"train/lengths", 80},
                       {"train/device/batches_per_sec", 0.5},
                       {"train/device/samples_per_sec", 2},
                       {"train/device/items_per_sec", 20},
                       {"train/device/flops_per_sec", 500},
                       {"train/device/mfu", 0.25}}));
  EXPECT_EQ(kept->rows[2].values.at("validate/time"), 10);
  EXPECT_EQ(kept->rows[2].step, 1);
  // What the validation took isn't the training's.
  EXPECT_EQ(kept->rows[3].values.at("train/time"), 6);
  EXPECT_EQ(kept->rows[3].values.at("train/device/samples_per_sec"), 2);
  EXPECT_EQ(trainer.logged_metrics().at("train/batches"), 4);

  trainer.test(model, line_batches(2), {.verbose = false});
  EXPECT_EQ(kept->rows.back().step, 2);
  EXPECT_EQ(kept->rows.back().values.at("test/device/batches_per_sec"), 0.25);
  EXPECT_FALSE(kept->rows.back().values.contains("test/device/mfu"));
  trainer.predict(model, line_batches(2));
  EXPECT_EQ(kept->rows.back().values.at("predict/time"), 10);
}

TEST(ThroughputMonitor, ReportsAStepOfSeveralBatchesOnce) {
  FakeClock clock;
  Timed model(clock);
  const auto kept = std::make_shared<Kept>();
  TrainerOptions options = quiet({.max_epochs = 1, .logger = kept});
  options.accumulate_grad_batches = 2;
  options.log_every_n_steps = 2;
  options.seams.clock = &clock;
  options.callbacks = {ThroughputMonitor()};
  Trainer(options).fit(model, line_batches(8));
  ASSERT_EQ(kept->rows.size(), 2);
  EXPECT_EQ(kept->rows[0].values.at("train/batches"), 4);
  EXPECT_EQ(kept->rows[1].values.at("train/batches"), 8);
}

TEST(ThroughputMonitor, CountsABatchThatTookNoTimeWithTheNext) {
  FakeClock clock;
  Line model;
  int64_t steps = 0;
  model.on_hook = [&](const std::string& hook) {
    if (hook == "training_step" && ++steps % 2 == 1) clock.advance(2s);
  };
  const auto kept = std::make_shared<Kept>();
  TrainerOptions options = quiet({.max_epochs = 1, .logger = kept});
  options.log_every_n_steps = 1;
  options.seams.clock = &clock;
  options.callbacks = {ThroughputMonitor(
      {.flops_per_batch = [](const AnyBatch&) { return 1000; },
       .window_size = 2})};
  Trainer(options).fit(model, line_batches(5));
  const MetricMap& last = kept->rows.back().values;
  EXPECT_EQ(last.at("train/batches"), 5);
  EXPECT_EQ(last.at("train/device/batches_per_sec"), 1);
  EXPECT_EQ(last.at("train/device/flops_per_sec"), 1000);
}

TEST(ThroughputMonitor, NeedsALoggerAndAWindow) {
  Line model;
  TrainerOptions none = quiet({.max_epochs = 1});
  none.callbacks = {ThroughputMonitor()};
  EXPECT_TRUE(has(message_of<ConfigError>(
                      [&] { Trainer(none).fit(model, line_batches(2)); }),
                  {"ThroughputMonitor", "no logger"}));
  EXPECT_THROW(ThroughputMonitor({.window_size = 1}), ConfigError);
}

// Values of torch.utils.flop_counter for the same networks.
TEST(MeasureFlops, CountsAsTorchDoes) {
  torch::nn::Sequential net(torch::nn::Linear(4, 8), torch::nn::ReLU(),
                            torch::nn::Linear(8, 3));
  const auto x = torch::rand({2, 4});
  const auto forward = [&] { return net->forward(x); };
  const auto sum = [](const torch::Tensor& out) { return out.sum(); };
  EXPECT_EQ(measure_flops(*net, forward), 2 * 2 * (4 * 8 + 8 * 3));
  // Twice for the second layer, once for the first: nobody wants the gradient
  // of x.
  EXPECT_EQ(measure_flops(*net, forward, sum),
            2 * 2 * (4 * 8 + 8 * 3) + 2 * 2 * (4 * 8 + 2 * 8 * 3));
  for (const auto& p : net->parameters()) EXPECT_FALSE(p.grad().defined());

  torch::nn::Sequential conv(
      torch::nn::Conv2d(torch::nn::Conv2dOptions(3, 4, 3)),
      torch::nn::Conv2d(torch::nn::Conv2dOptions(4, 2, 3)));
  const auto image = torch::rand({2, 3, 8, 8});
  const int64_t first = 2 * 2 * 6 * 6 * (4 * 3 * 9);
  const int64_t second = 2 * 2 * 4 * 4 * (2 * 4 * 9);
  const auto run = [&] { return conv->forward(image); };
  EXPECT_EQ(measure_flops(*conv, run), first + second);
  EXPECT_EQ(measure_flops(*conv, run, sum), 2 * first + 3 * second);
}

TEST(MeasureFlops, LeavesGradientsAndRandomNumbersAlone) {
  torch::nn::Sequential net(torch::nn::Linear(4, 2), torch::nn::Dropout(0.5));
  const auto x = torch::rand({2, 4});
  net->forward(x).sum().backward();
  const auto before = net->parameters()[0].grad().clone();
  torch::manual_seed(3);
  const auto expected = torch::rand({1});
  torch::manual_seed(3);
  measure_flops(
      *net, [&] { return net->forward(x); },
      [](const torch::Tensor& out) { return out.sum(); });
  EXPECT_TRUE(torch::equal(torch::rand({1}), expected));
  EXPECT_TRUE(torch::equal(net->parameters()[0].grad(), before));
  EXPECT_THROW(measure_flops(*net, {}), ConfigError);
}

TEST(AvailableFlops, KnowsDevicesByTheirNames) {
  EXPECT_EQ(available_flops("NVIDIA H100 80GB HBM3", at::kBFloat16), 989.4e12);
  EXPECT_EQ(available_flops("NVIDIA H100 PCIe", at::kHalf), 756e12);
  EXPECT_EQ(available_flops("NVIDIA A100-SXM4-40GB", at::kFloat), 19.5e12);
  EXPECT_EQ(available_flops("NVIDIA A10G", at::kHalf), 125e12);
  EXPECT_EQ(available_flops("NVIDIA L40", at::kHalf), 181e12);
  EXPECT_EQ(available_flops("NVIDIA L4", at::kHalf), 121e12);
  EXPECT_EQ(available_flops("Tesla T4", at::kHalf), 65e12);
  EXPECT_EQ(available_flops("Tesla T4", at::kBFloat16), std::nullopt);
  EXPECT_EQ(available_flops("Tesla V100-PCIE-16GB", at::kDouble), 7e12);
  EXPECT_EQ(available_flops("NVIDIA GeForce RTX 4090", at::kFloat), 82.6e12);
  EXPECT_EQ(available_flops("Some Accelerator", at::kFloat), std::nullopt);
}

}  // namespace
}  // namespace bolt
