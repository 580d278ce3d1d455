#include "callbacks/conformance.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>

#include "support/errors.h"

namespace bolt {
namespace {

using testing::Conformer;
using testing::difference;
using testing::Place;

template <class C, class... Options>
Conformer conformer(std::string name, Options... options) {
  return {.name = std::move(name),
          .make = [=] { return std::make_shared<C>(options...); }};
}

// The lines that a bar leaves of the epochs after the split; that of the
// results, and what else there is, is no bar's.
std::string epochs_of(Trainer&, testing::ConformanceNet&, Callback&,
                      const std::string& shown) {
  std::string lines;
  std::istringstream all(shown);
  for (std::string line; std::getline(all, line);) {
    if (line.starts_with("Epoch 2/") || line.starts_with("Epoch 3/")) {
      lines += line + "\n";
    }
  }
  return lines;
}

// The files that the trained module's predictions are in.
std::string predictions_of(Trainer& trainer, testing::ConformanceNet& net,
                           Callback& callback, const std::string&) {
  const auto x = torch::arange(24, torch::kFloat).view({8, 3}) / 24;
  const auto y = x.sum(1, true);
  trainer.predict(net, DataLoader(TensorDataset(x, y), {.batch_size = 3}),
                  {.return_predictions = false});
  std::string text;
  for (const auto& file : dynamic_cast<PredictionWriter&>(callback).files()) {
    text += read_file(file);
  }
  return text;
}

// Every callback of the library has a line here; `NoneIsMissing` looks.
std::vector<Conformer> all() {
  return {
      conformer<BackboneFinetuning>(
          "BackboneFinetuning",
          BackboneFinetuningOptions{.unfreeze_backbone_at_epoch = 1,
                                    .train_bn = false}),
      {.name = "DeviceStatsMonitor",
       .make = [] { return std::make_shared<DeviceStatsMonitor>(); },
       .machine_prefix = "DeviceStatsMonitor."},
      conformer<EarlyStopping>(
          "EarlyStopping",
          EarlyStoppingOptions{
              .monitor = "val_loss", .min_delta = 0.5, .patience = 3}),
      conformer<EMAWeightAveraging>(
          "EMAWeightAveraging",
          EMAWeightAveragingOptions{.decay = 0.8, .update_every_n_steps = 2}),
      conformer<GradientAccumulationScheduler>(
          "GradientAccumulationScheduler",
          GradientAccumulationSchedulerOptions{.scheduling = {{1, 2}, {3, 3}}}),
      conformer<HistogramMonitor>(
          "HistogramMonitor",
          HistogramMonitorOptions{.every_n_steps = 5, .scalars = true}),
      conformer<LambdaCallback>("LambdaCallback", LambdaCallbackOptions{}),
      conformer<LearningRateMonitor>(
          "LearningRateMonitor",
          LearningRateMonitorOptions{.log_momentum = true}),
      conformer<ModelSummary>("ModelSummary",
                              ModelSummaryOptions{.max_depth = 0}),
      {.name = "PredictionWriter",
       .make =
           [] {
             static const testing::TempDir folder;
             return std::make_shared<PredictionWriter>(PredictionWriterOptions{
                 .dirpath = folder.path(),
                 .write_interval = WriteInterval::kBatchAndEpoch,
                 .format = PredictionFormat::kCsv});
           },
       .works = predictions_of},
      {.name = "ProgressBar",
       .make =
           [] {
             return std::make_shared<ProgressBar>(
                 ProgressBarOptions{.plain_interval = std::chrono::hours(1)});
           },
       .works = epochs_of},
      conformer<SpikeDetection>(
          "SpikeDetection",
          SpikeDetectionOptions{
              .window = 3, .rtol = 0.1, .action = SpikeAction::kSkip}),
      conformer<StochasticWeightAveraging>(
          "StochasticWeightAveraging",
          StochasticWeightAveragingOptions{
              .swa_lrs = {0.02}, .swa_epoch_start = 2, .annealing_epochs = 3}),
      conformer<StochasticWeightAveraging>(
          "StochasticWeightAveragingLater",
          StochasticWeightAveragingOptions{.swa_lrs = {0.02},
                                           .swa_epoch_start = 0.8}),
      conformer<ThroughputMonitor>(
          "ThroughputMonitor",
          ThroughputMonitorOptions{
              .length_fn = [](const AnyBatch&) { return 100; },
              .window_size = 5}),
      conformer<Timer>("Timer",
                       TimerOptions{.duration = std::chrono::seconds(28)}),
      conformer<WeightAveraging>("WeightAveraging"),
  };
}

class Callbacks : public ::testing::TestWithParam<Conformer> {};

TEST_P(Callbacks, GoOnAfterASplitAsIfThereWereNone) {
  EXPECT_EQ(difference(GetParam()), "");
}

TEST_P(Callbacks, GoOnFromACheckpointBehindABatch) {
  EXPECT_EQ(difference(GetParam(), Place{}), "");
}

TEST_P(Callbacks, GoOnFromACheckpointAtAnEpochsEnd) {
  EXPECT_EQ(difference(GetParam(), Place{.batch = {}}), "");
}

INSTANTIATE_TEST_SUITE_P(Conformance, Callbacks, ::testing::ValuesIn(all()),
                         [](const auto& info) { return info.param.name; });

// Batch normalizations are measured in an epoch of its own, the fifth.
TEST(CallbackConformance, GoesOnInTheEpochThatAveragingAdds) {
  const auto swa = conformer<StochasticWeightAveraging>(
      "StochasticWeightAveraging",
      StochasticWeightAveragingOptions{.swa_lrs = {0.02},
                                       .swa_epoch_start = 2});
  EXPECT_EQ(difference(swa, Place{.epoch = 2 * testing::kSplit}), "");
}

TEST(CallbackConformance, TheBarShowsTheRestOfAnEpoch) {
  for (const Conformer& bar : all()) {
    if (bar.name != "ProgressBar") continue;
    const auto memory = std::make_shared<testing::Memory>();
    testing::remains_of(bar, nullptr, Place{}, memory);
    const auto rest = testing::remains_of(bar, nullptr, Place{}, memory);
    EXPECT_TRUE(testing::has(rest.work, {"Epoch 2/3 6/6", "Epoch 3/3 6/6"}));
  }
}

// What the tests above would say of a callback that keeps to itself what it
// knows.
TEST(CallbackConformance, FindsWhoForgets) {
  struct Counts : Callback {
    void on_train_epoch_end(Trainer&, Module&) override {
      log("epochs_seen", ++epochs);
    }
    int epochs = 0;
  };
  struct HalfState : Callback {
    void on_train_epoch_end(Trainer&, Module&) override { ++epochs; }
    State state() const override { return State::map({{"n", epochs}}); }
    int epochs = 0;
  };
  struct Drifts : Callback {
    void on_train_batch_end(Trainer&, Module& module, const StepOutput&,
                            const AnyBatch&, const StepContext&) override {
      const at::NoGradGuard no_grad;
      for (auto& p : module.parameters()) p.mul_(1 - 1e-3 * ++batches);
    }
    int64_t batches = 0;
  };
  EXPECT_EQ(difference(conformer<Counts>("Counts")).substr(0, 3), "row");
  EXPECT_NE(difference(conformer<HalfState>("HalfState")).find("state: "),
            std::string::npos);
  EXPECT_NE(difference(conformer<Drifts>("Drifts")), "");
}

TEST(CallbackConformance, NoneIsMissing) {
  std::set<std::string> here;
  for (const Conformer& c : all()) here.insert(c.name);
  const auto is_callback = [&](const std::string& base) {
    return base == "Callback" || base.starts_with("Base") ||
           here.contains(base);
  };
  const std::regex declared(
      R"(class TORCHBOLT_API (\w+) (final )?: public (\w*))");
  for (const auto& entry :
       std::filesystem::directory_iterator(TORCHBOLT_CALLBACK_HEADERS)) {
    std::ifstream file(entry.path());
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    for (std::sregex_iterator match(text.begin(), text.end(), declared), end;
         match != end; ++match) {
      const std::string name = (*match)[1];
      if (is_callback((*match)[3]) && !name.starts_with("Base")) {
        EXPECT_TRUE(here.contains(name)) << name << " has no line in all()";
      }
    }
  }
}

}  // namespace
}  // namespace bolt
