#include "optim/rows.h"

#include <torchbolt/core/error.h>

namespace bolt::optim::detail {
namespace {

bool fused_there(const at::Tensor& parameter) {
  const at::ScalarType type = c10::toRealValueType(parameter.scalar_type());
  const bool typed = type == at::kFloat || type == at::kDouble ||
                     type == at::kBFloat16 || type == at::kHalf;
  return typed && (parameter.is_cpu() || parameter.is_cuda());
}

}  // namespace

bool loops_fit(const Rows& rows) {
  const at::Tensor& first = rows.parameters.front();
  const at::ScalarType type = first.scalar_type();
  if (!first.is_cpu() || !rows.dense ||
      (type != at::kFloat && type != at::kDouble)) {
    return false;
  }
  for (std::size_t i = 0; i < rows.parameters.size(); ++i) {
    const at::Tensor& p = rows.parameters[i];
    if (rows.gradients[i].scalar_type() != type) return false;
    for (const at::TensorList& column : rows.columns) {
      if (column.empty() || !column[i].defined() || column[i].dim() == 0) {
        continue;
      }
      if (column[i].scalar_type() != type ||
          column[i].strides() != p.strides()) {
        return false;
      }
    }
  }
  return true;
}

bool fused_wanted(std::optional<bool> asked, const at::Tensor& parameter,
                  std::string_view optimizer) {
  if (!asked.value_or(true)) return false;
  if (fused_there(parameter)) return true;
  if (!asked) return false;
  throw ConfigError(
      {.where = std::string(optimizer),
       .what = "there is no fused kernel for a parameter",
       .got = std::string(c10::toString(parameter.scalar_type())) + " on " +
              parameter.device().str(),
       .expected = "float, double, half or bfloat16 on cpu or cuda",
       .tip = "leave .fused out"});
}

at::Tensor make_step(bool fused, const at::Tensor& parameter) {
  return at::zeros(
      {}, at::TensorOptions(at::kFloat)
              .device(fused ? parameter.device() : at::Device(at::kCPU)));
}

void count_step(at::TensorList steps) {
  if (!steps.front().is_cpu()) return at::_foreach_add_(steps, 1);
  for (const at::Tensor& step : steps) *step.mutable_data_ptr<float>() += 1;
}

double number_of(const at::Tensor& tensor) {
  if (tensor.is_cpu() && tensor.scalar_type() == at::kFloat) {
    return *tensor.const_data_ptr<float>();
  }
  return tensor.item<double>();
}

Gradients::Gradients(const Rows& rows, bool maximize, double weight_decay)
    : list_(rows.gradients) {
  if (maximize) own_ = at::_foreach_neg(rows.gradients);
  if (weight_decay != 0) {
    if (maximize) {
      at::_foreach_add_(own_, rows.parameters, weight_decay);
    } else {
      own_ = at::_foreach_add(rows.gradients, rows.parameters, weight_decay);
    }
  }
  if (!own_.empty()) list_ = own_;
}

Gradients average_moments(const Moments& m, const Rows& rows,
                          at::TensorList first, at::TensorList second) {
  Gradients gradients(rows, m.maximize, m.decoupled ? 0 : m.weight_decay);
  if (m.decoupled && m.weight_decay != 0) {
    at::_foreach_mul_(rows.parameters, 1 - m.lr * m.weight_decay);
  }
  at::_foreach_lerp_(first, gradients, 1 - m.beta1);
  at::_foreach_mul_(second, m.beta2);
  at::_foreach_addcmul_(second, gradients, gradients, 1 - m.beta2);
  return gradients;
}

MomentsLoop loop_of(const Moments& m) {
  return {.decay = m.decoupled ? 1 - m.lr * m.weight_decay : 1,
          .weight_decay = m.decoupled ? 0 : m.weight_decay,
          .maximize = m.maximize,
          .beta1 = m.beta1,
          .beta2 = m.beta2};
}

}  // namespace bolt::optim::detail
