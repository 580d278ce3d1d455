#pragma once

#include <torchbolt/optim/optim.h>

#include <memory>
#include <vector>

#include "optim/support.h"

// What tests of schedules make and look at.

namespace bolt::testing {

/// An optimizer of ours.
inline std::shared_ptr<optim::SGD> sgd(double lr = 0.1, int groups = 1) {
  std::vector<optim::ParamGroup> all;
  for (int k = 0; k < groups; ++k)
    all.push_back({.parameters = {parameter({2})}});
  return std::make_shared<optim::SGD>(
      all, optim::SGDOptions{.lr = lr, .momentum = 0.9});
}

/// One of torch's.
inline std::shared_ptr<torch::optim::SGD> torchs(double lr = 0.1) {
  return std::make_shared<torch::optim::SGD>(
      std::vector{parameter({2})}, torch::optim::SGDOptions(lr).momentum(0.9));
}

/// The learning rate of a group.
inline double lr_of(torch::optim::Optimizer& optimizer, std::size_t group = 0) {
  return optimizer.param_groups()[group].options().get_lr();
}

}  // namespace bolt::testing
