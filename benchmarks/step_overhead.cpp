// What a step costs more under the Trainer than in a loop written by hand, on
// the same model, batches and optimizer (tiny_step.h). The two take turns in
// one process; what is reported is the median of the paired differences.
//
//   step_overhead                            all variants
//   step_overhead --instructions SIDE N      N steps of one side (hand,
//   trainer,
//                                            trainer_log), to count
//                                            instructions

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>

#include "tiny_step.h"

namespace {

constexpr int64_t kSteps = 1500;
constexpr int64_t kFrom = 300;
constexpr int kRounds = 25;

struct Variant {
  const char* name;
  bool fused;
  bool logs;
  bool bar;
  bool csv;
};

constexpr Variant kVariants[] = {
    {"W1/fused", true, false, false, false},
    {"W1/unfused", false, false, false, false},
    {"W2/log", true, true, false, false},
    {"W2/log+bar", true, true, true, false},
    {"W2/log+csv", true, true, false, true},
};

std::filesystem::path scratch() {
  return std::filesystem::temp_directory_path() / "torchbolt-step-overhead";
}

bolt::TrainerOptions options_of(const Variant& variant) {
  bolt::TrainerOptions options;
  options.enable_progress_bar = variant.bar;
  options.enable_model_summary = false;
  if (variant.csv) {
    options.logger = bolt::CSVLogger({.save_dir = scratch(), .version = 0});
  } else {
    options.logger = false;
  }
  return options;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void measure(benchmark::State& state, const Variant& variant) {
  const auto batch = tiny::make_batch();
  std::vector<double> by_hand, by_trainer, added;
  bool trainer_first = false;
  for (auto _ : state) {
    tiny::Repeated hand(batch, kSteps, kFrom);
    tiny::Repeated trained(batch, kSteps, kFrom);
    const auto run_trained = [&] {
      tiny::run_trainer(trained, variant.fused, variant.logs,
                        options_of(variant));
    };
    // Who goes first changes too.
    if (trainer_first) run_trained();
    tiny::run_by_hand(hand, variant.fused);
    if (!trainer_first) run_trained();
    trainer_first = !trainer_first;
    by_hand.push_back(hand.step_us());
    by_trainer.push_back(trained.step_us());
    added.push_back(trained.step_us() - hand.step_us());
    state.SetIterationTime(trained.step_us() * 1e-6);
  }
  state.counters["hand_us"] = median(by_hand);
  state.counters["trainer_us"] = median(by_trainer);
  state.counters["added_us"] = median(added);
}

int count_instructions(const std::string& variant, int64_t steps) {
  tiny::Repeated source(tiny::make_batch(), steps, 1);
  if (variant == "hand") {
    tiny::run_by_hand(source, true);
  } else {
    bolt::TrainerOptions options;
    options.logger = false;
    options.enable_progress_bar = false;
    options.enable_model_summary = false;
    tiny::run_trainer(source, true, variant == "trainer_log", options);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  torch::set_num_threads(1);
  bolt::set_log_sink(std::make_shared<tiny::QuietLog>());
  if (argc == 4 && std::strcmp(argv[1], "--instructions") == 0) {
    return count_instructions(argv[2], std::stoll(argv[3]));
  }
  for (const Variant& variant : kVariants) {
    benchmark::RegisterBenchmark(
        variant.name,
        [&variant](benchmark::State& state) { measure(state, variant); })
        ->UseManualTime()
        ->Iterations(kRounds)
        ->Unit(benchmark::kMicrosecond);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  std::filesystem::remove_all(scratch());
}
