#pragma once

#include <torch/torch.h>
#include <torchbolt/optim/optim.h>

#include <cmath>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

// The runs of make_golden.py, again.

namespace bolt::testing {

using Parameters = std::vector<torch::Tensor>;
using MakeOptimizer =
    std::function<std::shared_ptr<optim::Optimizer>(const Parameters&)>;

/// golden.json.
const nlohmann::json& golden();

/// What Python's state_dict() holds.
State state_from(const nlohmann::json& value);

/// All elements of the parameters.
torch::Tensor flat(const Parameters& parameters);
/// Numbers of golden.json.
torch::Tensor numbers(const nlohmann::json& values, torch::ScalarType type);

/// The three parameters before the first step.
inline Parameters golden_parameters(torch::ScalarType type) {
  const std::vector<std::vector<int64_t>> shapes{{2, 3}, {3}, {2, 2, 2}};
  Parameters made;
  int64_t k = 0;
  for (const auto& shape : shapes) {
    torch::Tensor values = torch::empty(shape, torch::kDouble);
    for (int64_t j = 0; j < values.numel(); ++j) {
      values.data_ptr<double>()[j] = std::cos(0.7 * static_cast<double>(k++));
    }
    made.push_back(values.to(type).set_requires_grad(true));
  }
  return made;
}

/// The gradients of a step; some parameters have none now and then.
inline void set_gradients(const Parameters& parameters, int64_t step) {
  int64_t k = 0;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const torch::Tensor& p = parameters[i];
    torch::Tensor push = torch::empty(p.sizes(), torch::kDouble);
    for (int64_t j = 0; j < push.numel(); ++j) {
      push.data_ptr<double>()[j] =
          0.3 * std::sin(0.9 * static_cast<double>(step) +
                         0.37 * static_cast<double>(k++));
    }
    const bool absent = (i == 1 && step % 4 == 0) || (i == 2 && step <= 6);
    p.mutable_grad() =
        absent ? torch::Tensor() : p.detach() * 0.5 + push.to(p.scalar_type());
  }
}

inline torch::Tensor rosenbrock(const Parameters& parameters) {
  const torch::Tensor x = flat(parameters);
  const torch::Tensor a = x.slice(0, 0, -1), b = x.slice(0, 1);
  return (100 * (b - a * a).square() + (1 - a).square()).sum();
}

/// One step, as make_golden.py makes it.
void golden_step(optim::Optimizer& optimizer, const Parameters& parameters,
                 int64_t step);

/// The largest difference, relative to what it is from where that is above 1.
double distance(const torch::Tensor& a, const torch::Tensor& b);

}  // namespace bolt::testing
