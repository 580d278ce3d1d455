// What a step costs more under the Trainer than in a loop written by hand, on
// the same model, batches and optimizer (tiny_step.h). In each round both start
// afresh, each on a thread of its own, and take turns of a hundred steps: what
// the machine does besides hits both alike. A block of steps under the Trainer
// is compared with the mean of the two by hand before and after it; a round's
// difference is the median of its blocks', and what is reported is the median
// of the rounds', with their quartiles.
//
//   step_overhead                         all variants
//   step_overhead --instructions SIDE N   N steps of one side (hand, trainer,
//                                         trainer_log), to count instructions

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <future>
#include <memory>
#include <string>

#include "paired.h"
#include "tiny_step.h"
#include "turns.h"

namespace {

constexpr int kRounds = 25;
constexpr int64_t kBlocks = 30;
// Untimed steps at the start of each block, which find the caches as the other
// side left them.
constexpr int64_t kCold = 10;
constexpr int64_t kTimed = 100;
// Blocks at the start of a round that don't count.
constexpr std::size_t kWarmUp = 5;

struct Variant {
  const char* name;
  bool fused = true;
  bool logs = false;
  bool bar = false;
  bool csv = false;
  bool callbacks = false;
  bool board = false;
};

constexpr Variant kVariants[] = {
    {"W1/fused"},
    {"W1/unfused", false},
    {"W2/log", true, true},
    {"W2/log+bar", true, true, true},
    {"W2/log+csv", true, true, false, true},
    {"W2/log+tensorboard", true, true, false, false, false, true},
    {"W2/clip+callbacks", true, true, false, true, true},
};

constexpr double kClip = 1.0;

std::filesystem::path scratch() {
  return std::filesystem::temp_directory_path() / "torchbolt-step-overhead";
}

bolt::TrainerOptions options_of(const Variant& variant) {
  bolt::TrainerOptions options;
  options.enable_progress_bar = variant.bar;
  options.enable_model_summary = false;
  if (variant.csv) {
    options.logger = bolt::CSVLogger({.save_dir = scratch(), .version = 0});
  } else if (variant.board) {
    options.logger = bolt::TensorBoardLogger({.save_dir = scratch()});
  } else {
    options.logger = false;
  }
  if (variant.callbacks) {
    options.gradient_clip_val = kClip;
    options.callbacks = {bolt::EarlyStopping({.monitor = "train/loss"}),
                         bolt::LearningRateMonitor()};
  }
  return options;
}

enum Side : int { kHand = 0, kTrainer = 1 };

/// Microseconds a step in each block of a side that takes turns.
std::vector<double> run(const Variant& variant, Side side,
                        paired::Turns& turns) {
  struct Leave {
    ~Leave() { turns.leave(side); }
    paired::Turns& turns;
    Side side;
  } leave{turns, side};
  turns.await(side);
  std::vector<double> blocks;
  tiny::Time begin{};
  tiny::Repeated source(tiny::make_batch(), kBlocks * (kCold + kTimed));
  source.on_batch = [&](int64_t at) {
    const int64_t into = at % (kCold + kTimed);
    if (into == kCold) begin = std::chrono::steady_clock::now();
    if (into != 0) return;
    const std::chrono::duration<double, std::micro> time =
        std::chrono::steady_clock::now() - begin;
    blocks.push_back(time.count() / double(kTimed));
    turns.pass(side);
  };
  if (side == kHand) {
    tiny::run_by_hand(source, variant.fused,
                      variant.callbacks ? std::optional(kClip) : std::nullopt);
  } else {
    tiny::run_trainer(source, variant.fused, variant.logs, options_of(variant));
  }
  return blocks;
}

struct Round {
  double hand;
  double trainer;
  double added;
};

Round one_round(const Variant& variant, bool trainer_starts) {
  paired::Turns turns(kHand);
  const auto start = [&](Side side) {
    return std::async(std::launch::async,
                      [&, side] { return run(variant, side, turns); });
  };
  // Who starts first gets other memory; who works first is always the hand.
  std::future<std::vector<double>> hand, trainer;
  if (trainer_starts) trainer = start(kTrainer);
  hand = start(kHand);
  if (!trainer_starts) trainer = start(kTrainer);
  const auto by_hand = hand.get(), trained = trainer.get();
  std::vector<double> a, b, added;
  for (std::size_t k = kWarmUp; k + 1 < by_hand.size(); ++k) {
    a.push_back((by_hand[k] + by_hand[k + 1]) / 2);
    b.push_back(trained[k]);
    added.push_back(b.back() - a.back());
  }
  return {paired::median(a), paired::median(b), paired::median(added)};
}

void measure(benchmark::State& state, const Variant& variant) {
  std::vector<double> by_hand, by_trainer, added;
  bool trainer_starts = false;
  for (auto _ : state) {
    const Round round = one_round(variant, trainer_starts);
    trainer_starts = !trainer_starts;
    by_hand.push_back(round.hand);
    by_trainer.push_back(round.trainer);
    added.push_back(round.added);
    state.SetIterationTime(round.trainer * 1e-6);
  }
  state.counters["hand_us"] = paired::median(by_hand);
  state.counters["trainer_us"] = paired::median(by_trainer);
  state.counters["added_us"] = paired::median(added);
  state.counters["added_q1"] = paired::quantile(added, 0.25);
  state.counters["added_q3"] = paired::quantile(added, 0.75);
}

int count_instructions(const std::string& variant, int64_t steps) {
  tiny::Repeated source(tiny::make_batch(), steps);
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
