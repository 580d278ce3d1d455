#pragma once

#include <torch/torch.h>
#include <torchbolt/data/data.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

// What the benchmarks share that let two ways of doing a thing take turns.

namespace paired {

inline double quantile(std::vector<double> values, double share) {
  std::ranges::sort(values);
  return values[static_cast<std::size_t>(double(values.size()) * share)];
}

inline double median(std::vector<double> values) {
  return quantile(std::move(values), 0.5);
}

/// Fashion-MNIST's images (bytes) and labels, of the part "train" or "t10k";
/// FASHION_MNIST=FOLDER says where they are.
inline std::pair<torch::Tensor, torch::Tensor> read_images(
    const std::string& part = "train") {
  const char* folder = std::getenv("FASHION_MNIST");
  const std::filesystem::path data =
      folder != nullptr ? folder : "/usr/share/datasets/fashion-mnist";
  return {
      bolt::read_idx(data / (part + "-images-idx3-ubyte.gz")),
      bolt::read_idx(data / (part + "-labels-idx1-ubyte.gz")).to(torch::kLong)};
}

}  // namespace paired
