#pragma once

#include <torchbolt/state/state.h>

#include <string>
#include <utility>
#include <vector>

namespace bolt::detail {

/// Hyper-parameters without levels, as Lightning flattens them: {"a": {"b": 1}}
/// is "a/b", and a list of maps "a/0/b". The values are no maps.
std::vector<std::pair<std::string, State>> flat_params(const State& params);

}  // namespace bolt::detail
