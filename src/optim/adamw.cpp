#include <torchbolt/optim/adamw.h>

#include "optim/adam_step.h"
#include "optim/optimizer_of.h"

namespace bolt::optim {

template <>
struct Rule<AdamWOptions> {
  static constexpr const char* kName = "AdamW";
  static constexpr std::array<std::string_view, 4> kColumns{
      "step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"};
  static constexpr bool kAtOnce = false;

  static bool fused(const AdamWOptions& o) { return o.fused.value_or(true); }

  static void check(const AdamWOptions& o) {
    const detail::Check check(kName);
    check.not_negative("lr", o.lr);
    check.betas(o.betas);
    check.not_negative("eps", o.eps);
    check.not_negative("weight_decay", o.weight_decay);
  }

  template <class V, class O>
  static void fields(V& v, O& o) {
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
    v.fixed("decoupled_weight_decay", true);
  }

  static unsigned used(const AdamWOptions& o, const at::Tensor&) {
    return o.amsgrad ? 0b1111U : 0b0111U;
  }

  static at::Tensor make(std::size_t column, const AdamWOptions& o,
                         const at::Tensor& p) {
    if (column > 0) return at::zeros_like(p);
    return detail::make_step(detail::fused_wanted(o.fused, p, kName), p);
  }

  static void update(const AdamWOptions& o, const detail::Rows& rows) {
    detail::adam_step(
        {.lr = o.lr,
         .beta1 = o.betas.first,
         .beta2 = o.betas.second,
         .eps = o.eps,
         .weight_decay = o.weight_decay,
         .amsgrad = o.amsgrad,
         .maximize = o.maximize,
         .decoupled = true,
         .fused = detail::fused_wanted(o.fused, rows.parameters[0], kName)},
        rows);
  }
};

template class OptimizerOf<AdamWOptions>;

}  // namespace bolt::optim
