#include <torchbolt/optim/nadam.h>

#include <cmath>

#include "optim/optimizer_of.h"

namespace bolt::optim {

template <>
struct Rule<NAdamOptions> {
  static constexpr const char* kName = "NAdam";
  static constexpr std::array<std::string_view, 4> kColumns{
      "step", "mu_product", "exp_avg", "exp_avg_sq"};
  static constexpr bool kAtOnce = false;
  static constexpr bool kLoops = true;

  static bool fused(const NAdamOptions&) { return false; }

  static void check(const NAdamOptions& o) {
    const detail::Check check(kName);
    check.options_of_adam(o);
    check.not_negative("momentum_decay", o.momentum_decay);
  }

  template <class V, class O>
  static void fields(V& v, O& o) {
    v("lr", o.lr);
    v("betas", o.betas);
    v("eps", o.eps);
    v("weight_decay", o.weight_decay);
    v("momentum_decay", o.momentum_decay);
    v("decoupled_weight_decay", o.decoupled_weight_decay);
    v("maximize", o.maximize);
    v.fixed("foreach", State());
    v.fixed("capturable", false);
    v.fixed("differentiable", false);
  }

  static unsigned used(const NAdamOptions&, const at::Tensor&) {
    return 0b1111U;
  }

  static at::Tensor make(std::size_t column, const NAdamOptions&,
                         const at::Tensor& p) {
    if (column == 0) return detail::make_step(/*fused=*/false, p);
    return column == 1 ? at::ones({}, at::kFloat) : at::zeros_like(p);
  }

  // What a parameter's step depends on besides its numbers.
  struct Step {
    double correction, of_gradient, of_average;
  };
  static Step step_of(const NAdamOptions& o, const at::Tensor& counter,
                      const at::Tensor& mu_product) {
    const double t = detail::number_of(counter);
    const auto momentum = [&](double step) {
      return o.betas.first *
             (1 - 0.5 * std::pow(0.96, step * o.momentum_decay));
    };
    const double mu = momentum(t);
    const double next = momentum(t + 1);
    float& product = *mu_product.mutable_data_ptr<float>();
    product *= static_cast<float>(mu);
    const double so_far = product;
    return {.correction = 1 - std::pow(o.betas.second, t),
            .of_gradient = -o.lr * (1 - mu) / (1 - so_far),
            .of_average = -o.lr * next / (1 - so_far * next)};
  }

  static void update(const NAdamOptions& o, const detail::Rows& rows) {
    const auto& [steps, products, first, second] = rows.columns;
    detail::count_step(steps);
    const detail::Moments moments{.lr = o.lr,
                                  .beta1 = o.betas.first,
                                  .beta2 = o.betas.second,
                                  .weight_decay = o.weight_decay,
                                  .decoupled = o.decoupled_weight_decay,
                                  .maximize = o.maximize};
    if (detail::loops_fit(rows)) {
      detail::MomentsLoop loop = detail::loop_of(moments);
      loop.eps = o.eps;
      for (std::size_t i = 0; i < steps.size(); ++i) {
        const Step step = step_of(o, steps[i], products[i]);
        loop.correction = step.correction;
        loop.of_gradient = step.of_gradient;
        loop.of_average = step.of_average;
        detail::run_loop(loop, rows, i, 2, 3);
      }
      return;
    }

    std::vector<at::Scalar> correction, of_gradient, of_average;
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const Step step = step_of(o, steps[i], products[i]);
      correction.emplace_back(step.correction);
      of_gradient.emplace_back(step.of_gradient);
      of_average.emplace_back(step.of_average);
    }
    const detail::Gradients gradients =
        detail::average_moments(moments, rows, first, second);
    std::vector<at::Tensor> scale = at::_foreach_div(second, correction);
    at::_foreach_sqrt_(scale);
    at::_foreach_add_(scale, o.eps);
    at::_foreach_addcdiv_(rows.parameters, gradients, scale, of_gradient);
    at::_foreach_addcdiv_(rows.parameters, first, scale, of_average);
  }
};

template class OptimizerOf<NAdamOptions>;

}  // namespace bolt::optim
