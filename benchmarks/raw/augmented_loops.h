#pragma once

// W8 by hand: a whole batch with plain C++ loops. What raw_libtorch measures,
// and what augment compares with.

#include <torch/torch.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <utility>

constexpr int64_t kBatch = 128;
constexpr float kMean = 0.2860F, kStd = 0.3530F;

struct Loops : torch::data::BatchDataset<Loops, torch::data::Example<>> {  // W8, whole batch, plain C++ loops
  torch::Tensor x, y;
  Loops(torch::Tensor x_, torch::Tensor y_) : x(std::move(x_)), y(std::move(y_)) {}
  torch::data::Example<> get_batch(c10::ArrayRef<size_t> rows) override {
    static thread_local std::minstd_rand rng{std::random_device{}()};
    auto n = static_cast<int64_t>(rows.size());
    auto bx = torch::zeros({n, 1, 28, 28}), by = torch::empty({n}, torch::kLong);
    auto *out = bx.mutable_data_ptr<float>();
    auto *label = by.mutable_data_ptr<int64_t>();
    const auto* in = x.const_data_ptr<uint8_t>();
    const auto* labels = y.const_data_ptr<int64_t>();
    for (int64_t b = 0; b < n; ++b, out += 784) {
      const auto* img = in + rows[b] * 784;
      label[b] = labels[rows[b]];
      int top = static_cast<int>(rng() % 9) - 4, left = static_cast<int>(rng() % 9) - 4;
      bool flip = (rng() >> 8) & 1;
      int r0 = std::max(0, -top), r1 = std::min(28, 28 - top), c0 = std::max(0, -left), c1 = std::min(28, 28 - left);
      for (int r = r0; r < r1; ++r)
        for (int c = c0; c < c1; ++c)
          out[r * 28 + (flip ? 27 - c : c)] = (static_cast<float>(img[(r + top) * 28 + c + left]) / 255 - kMean) / kStd;
    }
    return {bx, by};
  }
  std::optional<size_t> size() const override { return x.size(0); }
};

template <typename Data>
auto make_loader(Data data, size_t workers) {
  auto n = *data.size();
  return torch::data::make_data_loader(
      std::move(data), torch::data::samplers::RandomSampler(n),
      torch::data::DataLoaderOptions(kBatch).workers(workers).enforce_ordering(true));
}
