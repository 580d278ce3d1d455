#pragma once

#include <vector>

#include "loggers/tensorboard/events.h"

namespace bolt {
class Module;
}

namespace bolt::detail {

/// The tree of a module's submodules: each a group of its parameters and of one
/// node that stands for its `forward`. A C++ module doesn't say who calls whom;
/// edges lead from each submodule without children to the next, in the order in
/// which they were registered.
std::vector<GraphNode> module_graph(const Module& module);

}  // namespace bolt::detail
