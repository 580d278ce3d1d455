// What a step costs more under the Trainer than in a loop written by hand, on
// the same model, batches and optimizer (tiny_step.h). The two take turns, each
// in a process of its own, as jobs are: in one process the heap that one side
// leaves behind changes the other's time by more than what is measured here.
// What is reported is the median of the paired differences.
//
//   step_overhead                         all variants
//   step_overhead --once VARIANT SIDE     microseconds a step of one side
//   (hand,
//                                         trainer) of a variant
//   step_overhead --instructions SIDE N   N steps of one side (hand, trainer,
//                                         trainer_log), to count instructions

#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "paired.h"
#include "tiny_step.h"

namespace {

constexpr int64_t kSteps = 5000;
constexpr int64_t kFrom = 300;
constexpr int kRounds = 15;

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

double step_us(const Variant& variant, const std::string& side) {
  tiny::Repeated source(tiny::make_batch(), kSteps, kFrom);
  if (side == "hand") {
    tiny::run_by_hand(source, variant.fused);
  } else {
    tiny::run_trainer(source, variant.fused, variant.logs, options_of(variant));
  }
  return source.step_us();
}

double in_own_process(const Variant& variant, const char* side) {
  const std::string command =
      std::filesystem::read_symlink("/proc/self/exe").string() + " --once '" +
      variant.name + "' " + side;
  FILE* output = ::popen(command.c_str(), "r");
  double microseconds = 0;
  const bool read =
      output != nullptr && std::fscanf(output, "%lf", &microseconds) == 1;
  if (output == nullptr || ::pclose(output) != 0 || !read) {
    throw std::runtime_error("failed: " + command);
  }
  return microseconds;
}

void measure(benchmark::State& state, const Variant& variant) {
  std::vector<double> by_hand, by_trainer, added;
  bool trainer_first = false;
  for (auto _ : state) {
    // Who goes first changes too.
    double hand = 0;
    if (!trainer_first) hand = in_own_process(variant, "hand");
    const double trained = in_own_process(variant, "trainer");
    if (trainer_first) hand = in_own_process(variant, "hand");
    trainer_first = !trainer_first;
    by_hand.push_back(hand);
    by_trainer.push_back(trained);
    added.push_back(trained - hand);
    state.SetIterationTime(trained * 1e-6);
  }
  state.counters["hand_us"] = paired::median(by_hand);
  state.counters["trainer_us"] = paired::median(by_trainer);
  state.counters["added_us"] = paired::median(added);
}

int run_once(const std::string& name, const std::string& side) {
  for (const Variant& variant : kVariants) {
    if (variant.name != name) continue;
    // The bar draws on standard error; standard output is the figure.
    std::printf("%.6f\n", step_us(variant, side));
    return 0;
  }
  std::fprintf(stderr, "no variant %s\n", name.c_str());
  return 1;
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
  if (argc == 4 && std::strcmp(argv[1], "--once") == 0) {
    return run_once(argv[2], argv[3]);
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
