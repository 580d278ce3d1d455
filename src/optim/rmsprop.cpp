#include <torchbolt/optim/rmsprop.h>

#include "optim/optimizer_of.h"

namespace bolt::optim {

template <>
struct Rule<RMSpropOptions> {
  static constexpr const char* kName = "RMSprop";
  static constexpr std::array<std::string_view, 4> kColumns{
      "step", "square_avg", "momentum_buffer", "grad_avg"};
  static constexpr bool kAtOnce = false;
  static constexpr bool kLoops = true;

  static bool fused(const RMSpropOptions&) { return false; }

  static void check(const RMSpropOptions& o) {
    const detail::Check check(kName);
    check.not_negative("lr", o.lr);
    check.not_negative("alpha", o.alpha);
    check.not_negative("eps", o.eps);
    check.not_negative("weight_decay", o.weight_decay);
    check.not_negative("momentum", o.momentum);
  }

  template <class V, class O>
  static void fields(V& v, O& o) {
    v("lr", o.lr);
    v("momentum", o.momentum);
    v("alpha", o.alpha);
    v("eps", o.eps);
    v("centered", o.centered);
    v("weight_decay", o.weight_decay);
    v.fixed("capturable", false);
    v.fixed("foreach", State());
    v("maximize", o.maximize);
    v.fixed("differentiable", false);
  }

  static unsigned used(const RMSpropOptions& o, const at::Tensor&) {
    return 0b11U | (o.momentum > 0 ? 0b100U : 0U) | (o.centered ? 0b1000U : 0U);
  }

  static at::Tensor make(std::size_t column, const RMSpropOptions&,
                         const at::Tensor& p) {
    return column == 0 ? detail::make_step(/*fused=*/false, p)
                       : at::zeros_like(p);
  }

  static void update(const RMSpropOptions& o, const detail::Rows& rows) {
    const auto& [steps, squares, buffers, averages] = rows.columns;
    detail::count_step(steps);
    if (detail::loops_fit(rows)) {
      const detail::RMSpropLoop loop{.lr = o.lr,
                                     .alpha = o.alpha,
                                     .eps = o.eps,
                                     .weight_decay = o.weight_decay,
                                     .momentum = o.momentum,
                                     .maximize = o.maximize};
      // State of settings that are off now may still be there.
      detail::Rows used = rows;
      if (o.momentum == 0) used.columns[2] = {};
      if (!o.centered) used.columns[3] = {};
      for (std::size_t i = 0; i < steps.size(); ++i) {
        detail::run_loop(loop, used, i, 1, 2, 3);
      }
      return;
    }
    const detail::Gradients gradients(rows, o.maximize, o.weight_decay);
    at::_foreach_mul_(squares, o.alpha);
    at::_foreach_addcmul_(squares, gradients, gradients, 1 - o.alpha);
    std::vector<at::Tensor> scale;
    if (o.centered) {
      at::_foreach_lerp_(averages, gradients, 1 - o.alpha);
      scale = at::_foreach_addcmul(squares, averages, averages, -1);
      at::_foreach_sqrt_(scale);
    } else {
      scale = at::_foreach_sqrt(squares);
    }
    at::_foreach_add_(scale, o.eps);
    if (o.momentum > 0) {
      at::_foreach_mul_(buffers, o.momentum);
      at::_foreach_addcdiv_(buffers, gradients, scale);
      at::_foreach_add_(rows.parameters, buffers, -o.lr);
    } else {
      at::_foreach_addcdiv_(rows.parameters, gradients, scale, -o.lr);
    }
  }
};

template class OptimizerOf<RMSpropOptions>;

}  // namespace bolt::optim
