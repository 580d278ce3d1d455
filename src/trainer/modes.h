#pragma once

namespace bolt {
class Module;
}

namespace bolt::detail {

/// Notes the train/eval mode of each submodule, before an evaluation.
void note_modes(Module& module);

/// Gives each submodule the mode that was noted.
void restore_modes(Module& module);

}  // namespace bolt::detail
