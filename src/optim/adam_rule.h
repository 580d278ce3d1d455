#pragma once

#include "optim/adam_step.h"
#include "optim/optimizer_of.h"

namespace bolt::optim {

/// What Adam and AdamW do: all but the name. `O` without the option
/// `decoupled_weight_decay` always decouples.
template <class O>
struct AdamRule {
  static constexpr std::array<std::string_view, 4> kColumns{
      "step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"};
  static constexpr bool kAtOnce = false;
  static constexpr bool kLoops = false;
  static constexpr bool kChoosesDecay =
      requires(O o) { o.decoupled_weight_decay; };

  static bool fused(const O& o) { return o.fused.value_or(true); }

  static void check(const O& o) {
    detail::Check(Rule<O>::kName).options_of_adam(o);
  }

  template <class V, class Options>
  static void fields(V& v, Options& o) {
    v("lr", o.lr);
    v("betas", o.betas);
    v("eps", o.eps);
    v("weight_decay", o.weight_decay);
    v("amsgrad", o.amsgrad);
    v("maximize", o.maximize);
    v.fixed("foreach", State());
    v.fixed("capturable", false);
    v.fixed("differentiable", false);
    v("fused", o.fused);
    if constexpr (kChoosesDecay) {
      v("decoupled_weight_decay", o.decoupled_weight_decay);
    } else {
      v.fixed("decoupled_weight_decay", true);
    }
  }

  static unsigned used(const O& o, const at::Tensor&) {
    return o.amsgrad ? 0b1111U : 0b0111U;
  }

  static at::Tensor make(std::size_t column, const O& o, const at::Tensor& p) {
    if (column > 0) return at::zeros_like(p);
    return detail::make_step(fused_for(o, p), p);
  }

  static void update(const O& o, const detail::Rows& rows) {
    detail::adam_step({.lr = o.lr,
                       .beta1 = o.betas.first,
                       .beta2 = o.betas.second,
                       .eps = o.eps,
                       .weight_decay = o.weight_decay,
                       .amsgrad = o.amsgrad,
                       .maximize = o.maximize,
                       .decoupled = decoupled(o),
                       .fused = fused_for(o, rows.parameters[0])},
                      rows);
  }

 private:
  static bool fused_for(const O& o, const at::Tensor& p) {
    return detail::fused_wanted(o.fused, p, Rule<O>::kName);
  }
  static bool decoupled(const O& o) {
    if constexpr (kChoosesDecay) {
      return o.decoupled_weight_decay;
    } else {
      return true;
    }
  }
};

}  // namespace bolt::optim
