#include "optim/adam_step.h"

#include <ATen/ATen.h>

#include <cmath>

namespace bolt::optim::detail {
namespace {

void fused_step(const AdamStep& s, const Rows& rows) {
  const auto& [steps, first, second, largest] = rows.columns;
  const at::TensorList bound = s.amsgrad ? largest : at::TensorList{};
  if (s.decoupled) {
    at::_fused_adamw_(rows.parameters, rows.gradients, first, second, bound,
                      steps, s.lr, s.beta1, s.beta2, s.weight_decay, s.eps,
                      s.amsgrad, s.maximize);
  } else {
    at::_fused_adam_(rows.parameters, rows.gradients, first, second, bound,
                     steps, s.lr, s.beta1, s.beta2, s.weight_decay, s.eps,
                     s.amsgrad, s.maximize);
  }
}

}  // namespace

void adam_step(const AdamStep& s, const Rows& rows) {
  const auto& [steps, first, second, largest] = rows.columns;
  count_step(steps);
  if (s.fused && rows.dense) return fused_step(s, rows);

  average_moments({.lr = s.lr,
                   .beta1 = s.beta1,
                   .beta2 = s.beta2,
                   .weight_decay = s.weight_decay,
                   .decoupled = s.decoupled,
                   .maximize = s.maximize},
                  rows, first, second);
  std::vector<at::Scalar> root_correction, step_size;
  for (const at::Tensor& step : steps) {
    const double t = number_of(step);
    root_correction.emplace_back(std::sqrt(1 - std::pow(s.beta2, t)));
    step_size.emplace_back(-s.lr / (1 - std::pow(s.beta1, t)));
  }
  if (s.amsgrad) at::_foreach_maximum_(largest, second);
  std::vector<at::Tensor> scale =
      at::_foreach_sqrt(s.amsgrad ? largest : second);
  at::_foreach_div_(scale, root_correction);
  at::_foreach_add_(scale, s.eps);
  at::_foreach_addcdiv_(rows.parameters, first, scale, step_size);
}

}  // namespace bolt::optim::detail
