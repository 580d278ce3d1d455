#include <ATen/ATen.h>
#include <torch/nn/module.h>
#include <torchbolt/callbacks/flops.h>
#include <torchbolt/core/error.h>
#include <torchbolt/state/rng.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "callbacks/shape_trace.h"

namespace bolt {
namespace {

// Gradients that there are stay, and none are added.
class KeepGradients {
 public:
  explicit KeepGradients(torch::nn::Module& module) {
    for (at::Tensor& parameter : module.parameters()) {
      gradients_.emplace_back(parameter, parameter.grad());
      parameter.mutable_grad() = at::Tensor();
    }
  }
  ~KeepGradients() {
    for (auto& [parameter, gradient] : gradients_) {
      parameter.mutable_grad() = gradient;
    }
  }
  KeepGradients(const KeepGradients&) = delete;
  KeepGradients& operator=(const KeepGradients&) = delete;

 private:
  std::vector<std::pair<at::Tensor, at::Tensor>> gradients_{};
};

// In 10^12 a second; 0: not given.
struct Peak {
  const char* name;
  // A second part of the name, where the first says too little.
  const char* kind;
  double of_double;
  double of_float;
  double of_bfloat16;
  double of_half;
};

// The first that fits counts: longer names come first.
constexpr std::array kPeaks{Peak{"h200", "", 34, 67, 989.4, 989.4},
                            Peak{"h100", "pcie", 26, 51, 756, 756},
                            Peak{"h100", "nvl", 30, 60, 835, 835},
                            Peak{"h100", "", 34, 67, 989.4, 989.4},
                            Peak{"a100", "", 9.7, 19.5, 312, 312},
                            Peak{"a10", "", 0, 31.2, 125, 125},
                            Peak{"l40", "", 0, 90.5, 181, 181},
                            Peak{"l4", "", 0, 30.3, 121, 121},
                            Peak{"t4", "", 0, 8.1, 0, 65},
                            Peak{"v100", "pcie", 7, 14, 0, 112},
                            Peak{"v100", "", 7.8, 15.7, 0, 125},
                            Peak{"rtx 4090", "", 0, 82.6, 165.2, 165.2},
                            Peak{"rtx 3090", "", 0, 35.6, 71, 71}};

// As a word of its own: "A100" is no A10.
bool names(const std::string& device, std::string_view word) {
  const auto part = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  };
  for (auto at = device.find(word); at != std::string::npos;
       at = device.find(word, at + 1)) {
    const auto end = at + word.size();
    if ((at == 0 || !part(device[at - 1])) &&
        (end == device.size() || !(device[end] >= '0' && device[end] <= '9'))) {
      return true;
    }
  }
  return false;
}

}  // namespace

int64_t measure_flops(
    torch::nn::Module& module, const std::function<at::Tensor()>& forward,
    const std::function<at::Tensor(const at::Tensor&)>& loss) {
  if (!forward) {
    throw ConfigError({.where = "measure_flops",
                       .what = "there is nothing to measure",
                       .got = "an empty forward"});
  }
  for (const at::Tensor& parameter : module.parameters()) {
    if (parameter.is_cpu() || parameter.is_meta()) continue;
    throw ConfigError({.where = "measure_flops",
                       .what = "the backward pass of this device runs in "
                               "threads that aren't seen",
                       .got = parameter.device().str(),
                       .expected = "cpu or meta",
                       .tip = "measure before the fit, or a copy"});
  }
  const IsolateRng isolate;
  const KeepGradients keep(module);
  const at::AutoGradMode grad(static_cast<bool>(loss));
  ShapeTrace trace({});
  const at::Tensor out = forward();
  if (loss) loss(out).backward();
  return trace.total_flops();
}

std::optional<double> available_flops(std::string_view device_name,
                                      at::ScalarType type) {
  std::string device(device_name);
  std::ranges::transform(device, device.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  for (const Peak& peak : kPeaks) {
    if (!names(device, peak.name)) continue;
    if (device.find(peak.kind) == std::string::npos) continue;
    const double tera = type == at::kDouble     ? peak.of_double
                        : type == at::kFloat    ? peak.of_float
                        : type == at::kBFloat16 ? peak.of_bfloat16
                        : type == at::kHalf     ? peak.of_half
                                                : 0;
    return tera > 0 ? std::optional(tera * 1e12) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace bolt
