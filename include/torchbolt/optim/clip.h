#pragma once

#include <ATen/core/Tensor.h>
#include <torchbolt/export.h>

#include <vector>

namespace torch::optim {
class Optimizer;
}

namespace bolt::optim {

/// The gradients that an optimizer would use now: those of its parameters that
/// have one.
TORCHBOLT_API std::vector<at::Tensor> gradients(
    torch::optim::Optimizer& optimizer);

/// Scales the gradients in place so that the L2 norm of all of them together is
/// at most `max_norm`, and gives back the norm before (0-d, on the gradients'
/// device; undefined without gradients). Nothing waits for the device.
/// Formula: Pascanu et al. 2013, with torch's 1e-6 in the denominator.
TORCHBOLT_API at::Tensor clip_grad_norm(
    const std::vector<at::Tensor>& gradients, double max_norm);

/// Clamps each element of the gradients in place to ±`clip_value`.
TORCHBOLT_API void clip_grad_value(const std::vector<at::Tensor>& gradients,
                                   double clip_value);

}  // namespace bolt::optim
