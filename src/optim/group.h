#pragma once

#include <torchbolt/optim/optimizer.h>

#include <array>
#include <vector>

#include "optim/rows.h"

namespace bolt::optim {

/// The state of one group's parameters, in their order.
struct Optimizer::Group {
  std::vector<at::Tensor> parameters{};
  std::array<std::vector<at::Tensor>, detail::kMaxColumns> columns{};
  /// Which columns a parameter has.
  std::vector<unsigned> made{};
  State extras{State::map()};

  // Of the step that is being made; kept for their memory.
  std::vector<at::Tensor> gradients{};
  std::vector<char> fresh{};

  void add(const at::Tensor& parameter) {
    parameters.push_back(parameter);
    made.push_back(0);
    for (auto& column : columns) column.emplace_back();
  }
};

struct Optimizer::Store {
  std::vector<Group> groups{};

  // A part of a group that is updated by itself.
  std::vector<at::Tensor> parameters{};
  std::vector<at::Tensor> gradients{};
  std::array<std::vector<at::Tensor>, detail::kMaxColumns> columns{};
  std::vector<char> done{};
};

}  // namespace bolt::optim
