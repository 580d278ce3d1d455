#pragma once

#include <ATen/core/Tensor.h>
#include <torchbolt/export.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace torch::nn {
class Module;
}

namespace bolt {

/// The norms of a module's gradients: one for each parameter that has a
/// gradient, and the total over all of them as if they were one vector. Names
/// are Lightning's: "grad_2.0_norm/layer.weight", …, "grad_2.0_norm_total".
/// `norm_type`: the p of the p-norm, or infinity. Values are 0-d tensors on
/// their device; nothing waits for it. Empty without gradients. Throws
/// ConfigError when `norm_type` isn't above 0.
///
///     void on_before_optimizer_step(torch::optim::Optimizer&) override {
///       log_dict(bolt::grad_norm(*this, 2));
///     }
TORCHBOLT_API std::vector<std::pair<std::string, at::Tensor>> grad_norm(
    const torch::nn::Module& module, double norm_type,
    std::string_view group_separator = "/");

}  // namespace bolt
