#pragma once

namespace torch::optim {
class Optimizer;
}

namespace bolt::optim::detail {

/// Whether it is ours or torch's: those evaluate the loss several times a step,
/// and can't do without a closure.
bool is_lbfgs(const torch::optim::Optimizer& optimizer);

}  // namespace bolt::optim::detail
