#pragma once

#include <torchbolt/state/state.h>

#include <string>

namespace bolt::detail {

/// A map as YAML text that any YAML 1.1 reader understands. Tensors become
/// their description.
std::string to_yaml(const State& map);

}  // namespace bolt::detail
