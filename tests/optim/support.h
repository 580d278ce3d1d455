#pragma once

#include <torch/torch.h>
#include <torchbolt/core/error.h>

#include <functional>
#include <string>

#include "support/errors.h"

namespace bolt::testing {

/// A parameter of random numbers, the same for the same seed.
inline torch::Tensor parameter(at::IntArrayRef sizes, uint64_t seed = 1) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  return torch::randn(sizes, generator).set_requires_grad(true);
}

/// The message of the ConfigError that the call must throw.
inline std::string refused(const std::function<void()>& call) {
  return message_of<ConfigError>(call);
}

}  // namespace bolt::testing
