#pragma once

#include <torchbolt/export.h>
#include <torchbolt/state/state.h>

namespace torch::optim {
class Optimizer;
}

namespace bolt::optim {

/// The state of any optimizer in the layout and with the names of Python's
/// `state_dict()`: of ours, and of torch's SGD, Adam, AdamW, RMSprop and
/// Adagrad. Of others, {"archive": what torch's own archive holds, as bytes}.
/// Tensors are the optimizer's own.
///
///     bolt::State state = bolt::optim::optimizer_state(*optimizer).clone();
TORCHBOLT_API State optimizer_state(const torch::optim::Optimizer& optimizer);

/// Takes what `optimizer_state()` of an optimizer of that kind gave, or
/// Python's `state_dict()`. Throws CheckpointError when it doesn't fit.
TORCHBOLT_API void load_optimizer_state(torch::optim::Optimizer& optimizer,
                                        const State& state);

}  // namespace bolt::optim
