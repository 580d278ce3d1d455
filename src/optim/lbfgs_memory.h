#pragma once

#include <ATen/ATen.h>
#include <torchbolt/optim/lbfgs.h>

#include <vector>

namespace bolt::optim {

/// What L-BFGS keeps from step to step.
struct LBFGS::Memory {
  bool used = false;
  int64_t func_evals = 0;
  int64_t n_iter = 0;
  at::Tensor direction{};
  double t = 0;
  /// Changes of the gradient, of the weights, and 1 over their products.
  std::vector<at::Tensor> gradient_changes{};
  std::vector<at::Tensor> weight_changes{};
  std::vector<at::Tensor> ro{};
  /// Scale of the first approximation; undefined: 1.
  at::Tensor scale{};
  at::Tensor gradient{};
  double loss = 0;

  /// The direction for this gradient, after what the last step taught.
  void find_direction(const at::Tensor& gradient_now, int64_t history_size);

  /// Python's names.
  State state(int64_t history_size) const;
  static Memory from(const State& state, const at::Tensor& parameter);

 private:
  void remember(const at::Tensor& gradient_now, int64_t history_size);
};

}  // namespace bolt::optim
