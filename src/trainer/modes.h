#pragma once

#include <cstdint>

namespace bolt {
class Module;
}

namespace bolt::detail {

/// Notes the train/eval mode of each submodule, before an evaluation.
void note_modes(Module& module);

/// How many submodules are in eval mode.
int64_t count_eval(Module& module);

/// Gives each submodule the mode that was noted.
void restore_modes(Module& module);

}  // namespace bolt::detail
