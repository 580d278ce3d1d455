#pragma once

#include <torch/torch.h>
#include <torchbolt/state/state.h>

#include <string>

/// W6: 100 M parameters and AdamW's state of them, 1.2 GB, as Python's
/// torch.save({"model": …, "opt": …}) holds them.
inline bolt::State big_state() {
  using bolt::State;
  State model = State::map();
  State steps = State::map();
  State params = State::list();
  for (int k = 0; k < 25; ++k) {
    model.set(std::to_string(k) + ".weight", torch::rand({2000, 2000}));
    steps[k] = State::map({{"step", torch::ones({})},
                           {"exp_avg", torch::rand({2000, 2000})},
                           {"exp_avg_sq", torch::rand({2000, 2000})}});
    params.push_back(k);
  }
  const State group = State::map({{"lr", 1e-3}, {"params", params}});
  return State::map(
      {{"model", model},
       {"opt", State::map({{"state", steps},
                           {"param_groups", State::list({group})}})}});
}
