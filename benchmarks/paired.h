#pragma once

#include <torch/torch.h>
#include <torchbolt/data/data.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <utility>
#include <vector>

// What the benchmarks share that let two ways of doing a thing take turns.

namespace paired {

inline double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

/// Fashion-MNIST's training images (bytes) and labels; FASHION_MNIST=FOLDER
/// says where they are.
inline std::pair<torch::Tensor, torch::Tensor> read_images() {
  const char* folder = std::getenv("FASHION_MNIST");
  const std::filesystem::path data =
      folder != nullptr ? folder : "/usr/share/datasets/fashion-mnist";
  return {bolt::read_idx(data / "train-images-idx3-ubyte.gz"),
          bolt::read_idx(data / "train-labels-idx1-ubyte.gz").to(torch::kLong)};
}

}  // namespace paired
