#include <torchbolt/optim/radam.h>

#include <cmath>

#include "optim/optimizer_of.h"

namespace bolt::optim {

template <>
struct Rule<RAdamOptions> {
  static constexpr const char* kName = "RAdam";
  static constexpr std::array<std::string_view, 3> kColumns{"step", "exp_avg",
                                                            "exp_avg_sq"};
  static constexpr bool kAtOnce = false;
  static constexpr bool kLoops = true;

  static bool fused(const RAdamOptions&) { return false; }

  static void check(const RAdamOptions& o) {
    detail::Check(kName).options_of_adam(o);
  }

  template <class V, class O>
  static void fields(V& v, O& o) {
    v("lr", o.lr);
    v("betas", o.betas);
    v("eps", o.eps);
    v("weight_decay", o.weight_decay);
    v("maximize", o.maximize);
    v.fixed("foreach", State());
    v.fixed("capturable", false);
    v("decoupled_weight_decay", o.decoupled_weight_decay);
    v.fixed("differentiable", false);
  }

  static unsigned used(const RAdamOptions&, const at::Tensor&) {
    return 0b111U;
  }

  static at::Tensor make(std::size_t column, const RAdamOptions&,
                         const at::Tensor& p) {
    return column == 0 ? detail::make_step(/*fused=*/false, p)
                       : at::zeros_like(p);
  }

  // The factor of the rectified step, or 0 where that isn't to be made yet.
  static double rectification(double beta2, double t) {
    const double power = std::pow(beta2, t);
    const double longest = 2 / (1 - beta2) - 1;
    const double length = longest - 2 * t * power / (1 - power);
    if (length <= 5) return 0;
    return std::sqrt((length - 4) * (length - 2) * longest /
                     ((longest - 4) * (longest - 2) * length) * (1 - power));
  }

  static void update(const RAdamOptions& o, const detail::Rows& rows) {
    const auto& [steps, first, second, unused] = rows.columns;
    detail::count_step(steps);
    const detail::Moments moments{.lr = o.lr,
                                  .beta1 = o.betas.first,
                                  .beta2 = o.betas.second,
                                  .weight_decay = o.weight_decay,
                                  .decoupled = o.decoupled_weight_decay,
                                  .maximize = o.maximize};
    // The step, for a rectification of it.
    const auto size_of = [&](double t, double factor) {
      return -o.lr * (factor == 0 ? 1 : factor) /
             (1 - std::pow(o.betas.first, t));
    };
    if (detail::loops_fit(rows)) {
      detail::MomentsLoop loop = detail::loop_of(moments);
      loop.eps = o.eps;
      for (std::size_t i = 0; i < steps.size(); ++i) {
        const double t = detail::number_of(steps[i]);
        const double factor = rectification(o.betas.second, t);
        loop.rooted = factor != 0;
        loop.of_average = size_of(t, factor);
        detail::run_loop(loop, rows, i, 1, 2);
      }
      return;
    }

    detail::average_moments(moments, rows, first, second);
    std::vector<at::Tensor> scale = at::_foreach_sqrt(second);
    at::_foreach_add_(scale, o.eps);
    std::vector<at::Scalar> size;
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const double t = detail::number_of(steps[i]);
      const double factor = rectification(o.betas.second, t);
      if (factor == 0) scale[i].fill_(1);
      size.emplace_back(size_of(t, factor));
    }
    at::_foreach_addcdiv_(rows.parameters, first, scale, size);
  }
};

template class OptimizerOf<RAdamOptions>;

}  // namespace bolt::optim
