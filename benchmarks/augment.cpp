// Augmented images through the loader (W8): torchbolt's Compose in its
// DataLoader, next to plain C++ loops that write the batch by hand, in
// torch::data's loader (raw/augmented_loops.h). The two take turns; what counts
// is the median of the paired ratios.
//
//   augment [WORKERS…]        such as: augment 0 2; without: 0
//
// Prints a line of JSON for each number of workers; `cpu_ratio` is the same of
// samples by processor time, which other programs on the machine disturb less.
// torch works with one thread: zeroing a batch with several waits for all of
// them, which costs the loops a factor when the machine is busy.
// FASHION_MNIST=FOLDER says where the images are.

#include <torch/torch.h>
#include <torchbolt/core/error.h>
#include <torchbolt/data/data.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "paired.h"
#include "raw/augmented_loops.h"

namespace {

constexpr int kRounds = 15;

using Images = std::pair<torch::Tensor, torch::Tensor>;

// Samples of a pass, by time and by processor time.
struct Rate {
  double wall = 0;
  double cpu = 0;
};

double cpu_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return double(time.tv_sec) + double(time.tv_nsec) * 1e-9;
}

template <class Loader>
Rate rate_of(Loader&& loader) {
  const auto start = std::chrono::steady_clock::now();
  const double cpu_start = cpu_seconds();
  int64_t samples = 0;
  for (auto& batch : loader) samples += batch.data.size(0);
  const std::chrono::duration<double> time =
      std::chrono::steady_clock::now() - start;
  return {.wall = double(samples) / time.count(),
          .cpu = double(samples) / (cpu_seconds() - cpu_start)};
}

Rate by_hand(const Images& images, int64_t workers) {
  return rate_of(*make_loader(Loops(images.first, images.second),
                              static_cast<std::size_t>(workers)));
}

Rate by_torchbolt(const bolt::AugmentedDataset& data, int64_t workers) {
  return rate_of(bolt::DataLoader(
      data, {.batch_size = kBatch, .shuffle = true, .num_workers = workers}));
}

void compare(const Images& images, const bolt::AugmentedDataset& data,
             int64_t workers) {
  std::vector<double> hand, ours, ratios, cpu_ratios;
  by_hand(images, workers);
  by_torchbolt(data, workers);
  for (int round = 0; round < kRounds; ++round) {
    // Each goes first as often as the other.
    Rate loops, mine;
    if (round % 2 == 0) loops = by_hand(images, workers);
    mine = by_torchbolt(data, workers);
    if (round % 2 == 1) loops = by_hand(images, workers);
    hand.push_back(loops.wall);
    ours.push_back(mine.wall);
    ratios.push_back(mine.wall / loops.wall);
    cpu_ratios.push_back(mine.cpu / loops.cpu);
  }
  const auto [least, most] = std::ranges::minmax(ratios);
  std::printf(
      "{\"workload\": \"W8\", \"workers\": %d, \"loops\": %.0f, "
      "\"torchbolt\": %.0f, \"unit\": \"samples/s\", \"ratio\": %.3f, "
      "\"min\": %.3f, \"max\": %.3f, \"cpu_ratio\": %.3f, "
      "\"rounds\": %d}\n",
      static_cast<int>(workers), paired::median(hand), paired::median(ours),
      paired::median(ratios), least, most, paired::median(cpu_ratios), kRounds);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace bolt::transforms;
  std::vector<int64_t> workers;
  for (int k = 1; k < argc; ++k) workers.push_back(std::atoll(argv[k]));
  if (workers.empty()) workers.push_back(0);
  torch::set_num_threads(1);
  try {
    const Images images = paired::read_images();
    const bolt::AugmentedDataset data(
        bolt::TensorDataset(images.first.unsqueeze(1), images.second),
        Compose{Normalize({.mean = {kMean}, .std = {kStd}}),
                RandomCrop({.height = 28, .width = 28, .padding = 4}),
                RandomHorizontalFlip()});
    for (const int64_t count : workers) compare(images, data, count);
  } catch (const bolt::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
