#pragma once

#include <torchbolt/export.h>
#include <torchbolt/state/state.h>

#include <string>
#include <vector>

namespace torch::nn {
class Module;
}

namespace bolt {

/// The parameters and buffers of a module and all modules in it: a map from
/// Python's names ("net.0.weight") to the tensors themselves, in Python's
/// order. Nothing is copied.
///
///     bolt::State weights = bolt::state_dict(*net).clone();
TORCHBOLT_API State state_dict(const torch::nn::Module& module);

/// Names on which a module and a state don't agree.
struct StateDictDifference {
  std::vector<std::string> missing{};     ///< The module's, not the state's.
  std::vector<std::string> unexpected{};  ///< The state's, not the module's.

  bool empty() const { return missing.empty() && unexpected.empty(); }
};

/// Copies values into a module's parameters and buffers, each to its device and
/// type. `strict`: names that only one side has are an error; else those of
/// both are loaded, and the others come back. Throws CheckpointError, and
/// changes nothing, for such names, a value that is no tensor, and a shape that
/// isn't the module's.
///
///     bolt::load_state_dict(*net, weights);
TORCHBOLT_API StateDictDifference load_state_dict(torch::nn::Module& module,
                                                  const State& state,
                                                  bool strict = true);

}  // namespace bolt
