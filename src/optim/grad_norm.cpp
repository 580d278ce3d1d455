#include <ATen/ATen.h>
#include <torch/nn/module.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/number.h>
#include <torchbolt/optim/grad_norm.h>

#include <utility>

#include "optim/norms.h"

namespace bolt {
namespace {

// As Python writes a float: "2.0", "0.5", "inf".
std::string python_float(double value) {
  std::string text = shortest(value);
  const bool whole = text.find_first_not_of("0123456789") == std::string::npos;
  return whole ? text + ".0" : text;
}

}  // namespace

std::vector<std::pair<std::string, at::Tensor>> grad_norm(
    const torch::nn::Module& module, double norm_type,
    std::string_view group_separator) {
  if (!(norm_type > 0)) {
    throw ConfigError({.where = "grad_norm",
                       .what = "norm_type must be above 0",
                       .got = shortest(norm_type),
                       .expected = "a number above 0, or infinity"});
  }
  const at::NoGradGuard no_grad;
  const std::string prefix = "grad_" + python_float(norm_type) + "_norm";
  std::vector<std::string> names;
  std::vector<at::Tensor> gradients;
  for (const auto& parameter : module.named_parameters()) {
    if (!parameter->grad().defined()) continue;
    names.push_back(prefix + std::string(group_separator) + parameter.key());
    gradients.push_back(parameter->grad());
  }
  std::vector<std::pair<std::string, at::Tensor>> norms;
  if (gradients.empty()) return norms;
  optim::detail::Norms of = optim::detail::norms_of(gradients, norm_type);
  for (std::size_t k = 0; k < names.size(); ++k) {
    norms.emplace_back(std::move(names[k]), std::move(of.each[k]));
  }
  norms.emplace_back(prefix + "_total", std::move(of.total));
  return norms;
}

}  // namespace bolt
