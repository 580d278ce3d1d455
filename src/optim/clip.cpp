#include <ATen/ATen.h>
#include <torch/optim/optimizer.h>
#include <torchbolt/optim/clip.h>

#include "optim/norms.h"

namespace bolt::optim {

std::vector<at::Tensor> gradients(torch::optim::Optimizer& optimizer) {
  std::vector<at::Tensor> found;
  for (const auto& group : optimizer.param_groups()) {
    for (const at::Tensor& parameter : group.params()) {
      const at::Tensor& gradient = parameter.grad();
      if (gradient.defined()) found.push_back(gradient);
    }
  }
  return found;
}

at::Tensor clip_grad_norm(const std::vector<at::Tensor>& gradients,
                          double max_norm) {
  if (gradients.empty()) return {};
  const at::NoGradGuard no_grad;
  const at::Tensor total = detail::norms_of(gradients).total;
  const at::Tensor scale = (max_norm / (total + 1e-6)).clamp_max(1.0);
  at::_foreach_mul_(gradients, scale);
  return total;
}

void clip_grad_value(const std::vector<at::Tensor>& gradients,
                     double clip_value) {
  if (gradients.empty()) return;
  const at::NoGradGuard no_grad;
  at::_foreach_clamp_min_(gradients, -clip_value);
  at::_foreach_clamp_max_(gradients, clip_value);
}

}  // namespace bolt::optim
