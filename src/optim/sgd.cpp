#include <torchbolt/optim/sgd.h>

#include "optim/optimizer_of.h"

namespace bolt::optim {

template <>
struct Rule<SGDOptions> {
  static constexpr const char* kName = "SGD";
  static constexpr std::array<std::string_view, 1> kColumns{"momentum_buffer"};
  static constexpr bool kAtOnce = false;
  static constexpr bool kLoops = false;

  static bool fused(const SGDOptions& o) { return o.fused.value_or(true); }

  static void check(const SGDOptions& o) {
    const detail::Check check(kName);
    check.not_negative("lr", o.lr);
    check.not_negative("momentum", o.momentum);
    check.not_negative("weight_decay", o.weight_decay);
    if (o.nesterov) {
      check.that(o.momentum > 0, "momentum", o.momentum,
                 "above 0 with nesterov");
      check.that(o.dampening == 0, "dampening", o.dampening, "0 with nesterov");
    }
  }

  template <class V, class O>
  static void fields(V& v, O& o) {
    v("lr", o.lr);
    v("momentum", o.momentum);
    v("dampening", o.dampening);
    v("weight_decay", o.weight_decay);
    v("nesterov", o.nesterov);
    v("maximize", o.maximize);
    v.fixed("foreach", State());
    v.fixed("differentiable", false);
    v("fused", o.fused);
  }

  static unsigned used(const SGDOptions& o, const at::Tensor&) {
    return o.momentum != 0 ? 1U : 0U;
  }

  static at::Tensor make(std::size_t, const SGDOptions&, const at::Tensor& p) {
    return at::zeros_like(p);
  }

  static void update(const SGDOptions& o, const detail::Rows& rows) {
    const bool fused = detail::fused_wanted(o.fused, rows.parameters[0], kName);
    const at::TensorList buffers =
        o.momentum != 0 ? rows.columns[0] : at::TensorList{};
    if (fused && rows.dense) {
      at::_fused_sgd_(rows.parameters, rows.gradients, buffers, o.weight_decay,
                      o.momentum, o.lr, o.dampening, o.nesterov, o.maximize,
                      rows.fresh);
      return;
    }
    const detail::Gradients gradients(rows, o.maximize, o.weight_decay);
    if (o.momentum == 0) {
      at::_foreach_add_(rows.parameters, gradients, -o.lr);
      return;
    }
    if (rows.fresh) {
      at::_foreach_copy_(buffers, gradients);
    } else {
      at::_foreach_mul_(buffers, o.momentum);
      at::_foreach_add_(buffers, gradients, 1 - o.dampening);
    }
    if (o.nesterov) {
      at::_foreach_add_(rows.parameters, gradients, -o.lr);
      at::_foreach_add_(rows.parameters, buffers, -o.lr * o.momentum);
    } else {
      at::_foreach_add_(rows.parameters, buffers, -o.lr);
    }
  }
};

template class OptimizerOf<SGDOptions>;

}  // namespace bolt::optim
