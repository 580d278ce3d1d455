// Batches of Fashion-MNIST (W3): torchbolt's DataLoader with 0 and 2 threads,
// next to tensors gathered by hand, with the training step of W3 in between;
// and next to torch::data's loader, without a step. All take turns; what counts
// is the median of the paired ratios. Prints a line of JSON for each.
//
//   loader                    FASHION_MNIST=FOLDER says where the images are

#include <torch/torch.h>
#include <torchbolt/core/error.h>
#include <torchbolt/data/data.h>

#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "paired.h"

namespace nn = torch::nn;
namespace F = torch::nn::functional;

namespace {

constexpr int64_t kBatch = 128;
constexpr int kRounds = 11;

using Example = torch::data::Example<>;

/// Calls `use` with each batch of a pass.
using Pass = std::function<void(const std::function<void(Example)>& use)>;

Pass by_hand(const torch::Tensor& x, const torch::Tensor& y) {
  return [=](const auto& use) {
    const torch::Tensor order = torch::randperm(x.size(0));
    for (int64_t at = 0; at < x.size(0); at += kBatch) {
      const auto index = order.slice(0, at, at + kBatch);
      use({x.index_select(0, index), y.index_select(0, index)});
    }
  };
}

Pass ours(const torch::Tensor& x, const torch::Tensor& y, int64_t workers) {
  auto loader = std::make_shared<bolt::DataLoader<bolt::TensorDataset>>(
      bolt::TensorDataset(x, y),
      bolt::DataLoaderOptions{
          .batch_size = kBatch, .shuffle = true, .num_workers = workers});
  auto epoch = std::make_shared<int64_t>(0);
  return [=](const auto& use) {
    loader->set_epoch((*epoch)++);
    for (const Example& batch : *loader) use(batch);
  };
}

struct Items : torch::data::Dataset<Items> {
  Items(torch::Tensor x, torch::Tensor y) : x(std::move(x)), y(std::move(y)) {}
  Example get(std::size_t k) override {
    const auto at = static_cast<int64_t>(k);
    return {x[at], y[at]};
  }
  torch::optional<std::size_t> size() const override {
    return static_cast<std::size_t>(x.size(0));
  }
  torch::Tensor x, y;
};

Pass torch_data(const torch::Tensor& x, const torch::Tensor& y,
                std::size_t workers) {
  return [=](const auto& use) {
    auto loader =
        torch::data::make_data_loader<torch::data::samplers::RandomSampler>(
            Items(x, y).map(torch::data::transforms::Stack<>()),
            torch::data::DataLoaderOptions(kBatch).workers(workers));
    for (auto& batch : *loader) use(batch);
  };
}

double samples_per_s(const Pass& pass,
                     const std::function<void(Example)>& use) {
  int64_t samples = 0;
  const auto start = std::chrono::steady_clock::now();
  pass([&](const Example& batch) {
    samples += batch.data.size(0);
    use(batch);
  });
  const std::chrono::duration<double> time =
      std::chrono::steady_clock::now() - start;
  return double(samples) / time.count();
}

void compare(const std::string& what, const Pass& base, const Pass& mine,
             const std::function<void(Example)>& use) {
  std::vector<double> of_base, of_mine, ratios;
  for (int round = -1; round < kRounds; ++round) {
    // Each goes first as often as the other.
    double a = 0;
    if (round % 2 == 0) a = samples_per_s(base, use);
    const double b = samples_per_s(mine, use);
    if (round % 2 != 0) a = samples_per_s(base, use);
    if (round < 0) continue;  // to warm up
    of_base.push_back(a);
    of_mine.push_back(b);
    ratios.push_back(b / a);
  }
  const auto [least, most] = std::ranges::minmax(ratios);
  std::printf(
      "{\"workload\": \"W3\", \"pair\": \"%s\", \"base\": %.0f, "
      "\"torchbolt\": %.0f, \"unit\": \"samples/s\", \"ratio\": %.3f, "
      "\"min\": %.3f, \"max\": %.3f, \"rounds\": %d}\n",
      what.c_str(), paired::median(of_base), paired::median(of_mine),
      paired::median(ratios), least, most, kRounds);
  std::fflush(stdout);
}

}  // namespace

int main() {
  try {
    const auto [images, y] = paired::read_images();
    const torch::Tensor x =
        images.to(torch::kFloat).div_(255).reshape({-1, 784});
    nn::Sequential net(nn::Linear(784, 256), nn::ReLU(), nn::Linear(256, 10));
    torch::optim::SGD optimizer(net->parameters(), 0.05);
    const auto train = [&](const Example& batch) {
      optimizer.zero_grad();
      F::cross_entropy(net->forward(batch.data), batch.target).backward();
      optimizer.step();
    };
    const auto nothing = [](const Example&) {};
    for (const int64_t workers : {0, 2}) {
      const std::string name = std::to_string(workers);
      const Pass mine = ours(x, y, workers);
      compare("training: by hand, ours with " + name, by_hand(x, y), mine,
              train);
      compare("batches: torch::data with " + name + ", ours with " + name,
              torch_data(x, y, static_cast<std::size_t>(workers)), mine,
              nothing);
    }
  } catch (const bolt::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
