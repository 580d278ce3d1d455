#include <torchbolt/optim/lion.h>

#include "optim/optimizer_of.h"

namespace bolt::optim {

template <>
struct Rule<LionOptions> {
  static constexpr const char* kName = "Lion";
  static constexpr std::array<std::string_view, 1> kColumns{"exp_avg"};
  static constexpr bool kAtOnce = false;
  static constexpr bool kLoops = true;

  static bool fused(const LionOptions&) { return false; }

  static void check(const LionOptions& o) {
    const detail::Check check(kName);
    check.not_negative("lr", o.lr);
    check.betas(o.betas);
    check.not_negative("weight_decay", o.weight_decay);
  }

  template <class V, class O>
  static void fields(V& v, O& o) {
    v("lr", o.lr);
    v("betas", o.betas);
    v("weight_decay", o.weight_decay);
    v("maximize", o.maximize);
  }

  static unsigned used(const LionOptions&, const at::Tensor&) { return 1U; }

  static at::Tensor make(std::size_t, const LionOptions&, const at::Tensor& p) {
    return at::zeros_like(p);
  }

  static void update(const LionOptions& o, const detail::Rows& rows) {
    const at::TensorList averages = rows.columns[0];
    if (detail::loops_fit(rows)) {
      const detail::LionLoop loop{.lr = o.lr,
                                  .beta1 = o.betas.first,
                                  .beta2 = o.betas.second,
                                  .decay = 1 - o.lr * o.weight_decay,
                                  .maximize = o.maximize};
      for (std::size_t i = 0; i < averages.size(); ++i) {
        detail::run_loop(loop, rows, i, 0);
      }
      return;
    }
    const detail::Gradients gradients(rows, o.maximize, 0);
    if (o.weight_decay != 0) {
      at::_foreach_mul_(rows.parameters, 1 - o.lr * o.weight_decay);
    }
    std::vector<at::Tensor> direction =
        at::_foreach_lerp(averages, gradients, 1 - o.betas.first);
    at::_foreach_sign_(direction);
    at::_foreach_add_(rows.parameters, direction, -o.lr);
    at::_foreach_lerp_(averages, gradients, 1 - o.betas.second);
  }
};

template class OptimizerOf<LionOptions>;

}  // namespace bolt::optim
