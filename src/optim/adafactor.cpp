#include <torchbolt/optim/adafactor.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "optim/optimizer_of.h"

namespace bolt::optim {
namespace {

double epsilon_of(at::ScalarType type) {
  switch (type) {
    case at::kDouble:
      return std::numeric_limits<double>::epsilon();
    case at::kHalf:
      return std::numeric_limits<c10::Half>::epsilon();
    case at::kBFloat16:
      return std::numeric_limits<c10::BFloat16>::epsilon();
    default:
      return std::numeric_limits<float>::epsilon();
  }
}

// Mean of squares over a dimension, without a tensor of squares.
at::Tensor mean_square(const at::Tensor& gradient, int64_t dim) {
  return at::linalg_vector_norm(gradient, 2, dim, /*keepdim=*/true)
      .square_()
      .div_(gradient.size(dim));
}

std::vector<at::Scalar> root_of_sizes(at::TensorList tensors) {
  std::vector<at::Scalar> roots;
  for (const at::Tensor& tensor : tensors) {
    roots.emplace_back(std::sqrt(static_cast<double>(tensor.numel())));
  }
  return roots;
}

}  // namespace

template <>
struct Rule<AdafactorOptions> {
  static constexpr const char* kName = "Adafactor";
  static constexpr std::array<std::string_view, 4> kColumns{
      "step", "row_var", "col_var", "variance"};
  static constexpr bool kAtOnce = false;
  static constexpr bool kLoops = false;

  static bool fused(const AdafactorOptions&) { return false; }

  static void check(const AdafactorOptions& o) {
    const detail::Check check(kName);
    check.not_negative("lr", o.lr);
    check.that(o.beta2_decay <= 0, "beta2_decay", o.beta2_decay, "at most 0");
    check.not_negative("eps.first", o.eps.first.value_or(0));
    check.not_negative("eps.second", o.eps.second);
    check.that(o.d >= 1, "d", o.d, "at least 1");
    check.not_negative("weight_decay", o.weight_decay);
  }

  template <class V, class O>
  static void fields(V& v, O& o) {
    v("lr", o.lr);
    v("beta2_decay", o.beta2_decay);
    v("eps", o.eps);
    v("d", o.d);
    v("weight_decay", o.weight_decay);
    v.fixed("foreach", State());
    v("maximize", o.maximize);
  }

  static unsigned used(const AdafactorOptions&, const at::Tensor& p) {
    if (p.is_complex()) {
      throw ConfigError({.where = kName,
                         .what = "a parameter is complex",
                         .tip = "use Adam for it"});
    }
    return p.dim() > 1 ? 0b0111U : 0b1001U;
  }

  static at::Tensor make(std::size_t column, const AdafactorOptions&,
                         const at::Tensor& p) {
    if (column == 0) return detail::make_step(/*fused=*/false, p);
    if (column == 3 || p.dim() < 2) return at::zeros_like(p);
    std::vector<int64_t> sizes = p.sizes().vec();
    sizes[sizes.size() - column] = 1;
    return at::zeros(sizes, p.options().requires_grad(false));
  }

  // What the gradients are divided by, squared.
  static at::Tensor estimate(const detail::Rows& rows, std::size_t i,
                             const at::Tensor& gradient, double weight,
                             double eps) {
    if (gradient.dim() < 2) {
      const at::Tensor& variance = rows.columns[3][i];
      variance.lerp_(gradient.square(), weight);
      return variance.clone();
    }
    const at::Tensor& row = rows.columns[1][i];
    const at::Tensor& column = rows.columns[2][i];
    row.lerp_(mean_square(gradient, -1), weight);
    column.lerp_(mean_square(gradient, -2), weight);
    return at::matmul(row, column)
        .div_(row.mean(-2, /*keepdim=*/true).clamp_min_(eps));
  }

  // Sizes stay on their device: nothing waits for it.
  static void update(const AdafactorOptions& o, const detail::Rows& rows) {
    const at::TensorList steps = rows.columns[0];
    detail::count_step(steps);
    const detail::Gradients gradients(rows, o.maximize, 0);
    const double eps =
        o.eps.first.value_or(epsilon_of(rows.parameters.front().scalar_type()));
    const std::vector<at::Scalar> roots = root_of_sizes(rows.parameters);

    std::vector<at::Scalar> rates;
    std::vector<at::Tensor> updates;
    std::vector<at::Tensor> sizes = at::_foreach_norm(rows.parameters);
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const double t = detail::number_of(steps[i]);
      rates.emplace_back(std::min(o.lr, 1 / std::sqrt(t)));
      updates.push_back(estimate(rows, i, gradients.list()[i],
                                 std::pow(t, o.beta2_decay), eps));
    }
    if (o.weight_decay != 0) {
      at::_foreach_mul_(rows.parameters, 1 - o.lr * o.weight_decay);
    }
    at::_foreach_clamp_min_(updates, eps * eps);
    at::_foreach_rsqrt_(updates);
    at::_foreach_mul_(updates, gradients);

    at::_foreach_div_(sizes, roots);
    at::_foreach_clamp_min_(sizes, o.eps.second);
    at::_foreach_mul_(sizes, rates);
    std::vector<at::Tensor> excess = at::_foreach_norm(updates);
    at::_foreach_div_(excess, roots);
    at::_foreach_div_(excess, o.d);
    at::_foreach_clamp_min_(excess, 1);
    at::_foreach_div_(sizes, excess);
    at::_foreach_mul_(updates, sizes);
    at::_foreach_sub_(rows.parameters, updates);
  }
};

template class OptimizerOf<AdafactorOptions>;

}  // namespace bolt::optim
