#include <torchbolt/optim/adagrad.h>

#include "optim/optimizer_of.h"

namespace bolt::optim {

template <>
struct Rule<AdagradOptions> {
  static constexpr const char* kName = "Adagrad";
  static constexpr std::array<std::string_view, 2> kColumns{"step", "sum"};
  static constexpr bool kAtOnce = true;
  static constexpr bool kLoops = false;

  static bool fused(const AdagradOptions& o) { return o.fused.value_or(true); }

  static void check(const AdagradOptions& o) {
    const detail::Check check(kName);
    check.not_negative("lr", o.lr);
    check.not_negative("lr_decay", o.lr_decay);
    check.not_negative("weight_decay", o.weight_decay);
    check.not_negative("initial_accumulator_value",
                       o.initial_accumulator_value);
    check.not_negative("eps", o.eps);
  }

  template <class V, class O>
  static void fields(V& v, O& o) {
    v("lr", o.lr);
    v("lr_decay", o.lr_decay);
    v("eps", o.eps);
    v("weight_decay", o.weight_decay);
    v("initial_accumulator_value", o.initial_accumulator_value);
    v.fixed("foreach", State());
    v("maximize", o.maximize);
    v.fixed("differentiable", false);
    v("fused", o.fused);
  }

  static unsigned used(const AdagradOptions&, const at::Tensor&) {
    return 0b11U;
  }

  static at::Tensor make(std::size_t column, const AdagradOptions& o,
                         const at::Tensor& p) {
    if (column == 0) {
      return detail::make_step(detail::fused_wanted(o.fused, p, kName), p);
    }
    const double from = o.initial_accumulator_value;
    return p.is_complex() ? at::full_like(p, c10::complex<double>(from, from))
                          : at::full_like(p, from);
  }

  static void update(const AdagradOptions& o, const detail::Rows& rows) {
    const auto& [steps, sums, unused, none] = rows.columns;
    const bool fused = detail::fused_wanted(o.fused, rows.parameters[0], kName);
    detail::count_step(steps);
    if (fused && rows.dense) {
      at::_fused_adagrad_(rows.parameters, rows.gradients, sums, steps, o.lr,
                          o.lr_decay, o.weight_decay, o.eps, o.maximize);
      return;
    }
    const detail::Gradients gradients(rows, o.maximize, o.weight_decay);
    at::_foreach_addcmul_(sums, gradients, gradients, 1);
    std::vector<at::Tensor> scale = at::_foreach_sqrt(sums);
    at::_foreach_add_(scale, o.eps);
    std::vector<at::Scalar> rates;
    for (const at::Tensor& step : steps) {
      const double t = detail::number_of(step);
      rates.emplace_back(-o.lr / (1 + (t - 1) * o.lr_decay));
    }
    at::_foreach_addcdiv_(rows.parameters, gradients, scale, rates);
  }
};

template class OptimizerOf<AdagradOptions>;

}  // namespace bolt::optim
