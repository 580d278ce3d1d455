#include <ATen/core/grad_mode.h>
#include <torchbolt/optim/lbfgs.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "optim/lbfgs_memory.h"
#include "optim/optimizer_of.h"
#include "optim/strong_wolfe.h"

namespace bolt::optim {

template <>
struct Rule<LBFGSOptions> {
  static constexpr const char* kName = "LBFGS";
  static constexpr std::array<std::string_view, 0> kColumns{};
  static constexpr bool kAtOnce = false;
  static constexpr bool kLoops = false;

  static bool fused(const LBFGSOptions&) { return false; }

  static void check(const LBFGSOptions& o) {
    const detail::Check check(kName);
    const auto at_least_one = [&](const char* field, int64_t value) {
      check.that(value >= 1, field, static_cast<double>(value), "at least 1");
    };
    check.not_negative("lr", o.lr);
    at_least_one("max_iter", o.max_iter);
    at_least_one("max_eval", o.max_eval.value_or(1));
    at_least_one("history_size", o.history_size);
    check.not_negative("tolerance_grad", o.tolerance_grad);
    check.not_negative("tolerance_change", o.tolerance_change);
    if (o.line_search_fn && *o.line_search_fn != "strong_wolfe") {
      throw ConfigError({.where = kName,
                         .what = "there is no such line_search_fn",
                         .got = "\"" + *o.line_search_fn + "\"",
                         .expected = "\"strong_wolfe\", or none"});
    }
  }

  template <class V, class O>
  static void fields(V& v, O& o) {
    v("lr", o.lr);
    v("max_iter", o.max_iter);
    v("max_eval", o.max_eval);
    v("tolerance_grad", o.tolerance_grad);
    v("tolerance_change", o.tolerance_change);
    v("history_size", o.history_size);
    v("line_search_fn", o.line_search_fn);
    v("maximize", o.maximize);
  }

  // It has a step of its own.
  static unsigned used(const LBFGSOptions&, const at::Tensor&) { return 0; }
  static at::Tensor make(std::size_t, const LBFGSOptions&, const at::Tensor&) {
    return {};
  }
  static void update(const LBFGSOptions&, const detail::Rows&) {}
};

template class OptimizerOf<LBFGSOptions>;

// One call of step().
class LBFGS::Step {
 public:
  Step(LBFGS& optimizer, const LossClosure& closure)
      : memory_(*optimizer.memory_),
        options_(std::as_const(optimizer).options()),
        closure_(closure),
        max_eval_(options_.max_eval.value_or(options_.max_iter * 5 / 4)) {
    for (const at::Tensor& p : optimizer.param_groups()[0].params()) {
      parameters_.push_back(p);
      reals_.push_back(p.is_complex() ? at::view_as_real(p) : p);
    }
  }

  at::Tensor run() {
    const at::Tensor first = evaluate();
    ++memory_.func_evals;
    if (largest(gradient_) <= options_.tolerance_grad) return first;
    for (int64_t i = 1; i <= options_.max_iter; ++i) {
      memory_.find_direction(gradient_, options_.history_size);
      memory_.loss = loss_;
      memory_.t = first_trial();
      const double slope = slope_of(gradient_);
      if (slope > -options_.tolerance_change) break;
      const int64_t made = options_.line_search_fn
                               ? search(slope)
                               : walk(/*last=*/i == options_.max_iter);
      evaluations_ += made;
      memory_.func_evals += made;
      if (evaluations_ >= max_eval_ || settled()) break;
    }
    return first;
  }

 private:
  static double largest(const at::Tensor& tensor) {
    return tensor.abs().max().item<double>();
  }
  double slope_of(const at::Tensor& gradient) const {
    return gradient.dot(memory_.direction).item<double>();
  }

  // Calls the closure, and takes the loss and the gradients from it.
  at::Tensor evaluate() {
    at::Tensor loss;
    {
      const at::AutoGradMode grad(true);
      loss = closure_();
    }
    if (!loss.defined()) {
      throw ConfigError({.where = "LBFGS",
                         .what = "the closure gave no loss",
                         .tip = "return the loss from it"});
    }
    std::vector<at::Tensor> parts;
    for (const at::Tensor& p : parameters_) parts.push_back(flat_gradient(p));
    gradient_ = at::cat(parts);
    loss_ = loss.item<double>();
    if (options_.maximize) {
      gradient_.neg_();
      loss_ = -loss_;
    }
    return loss;
  }

  static at::Tensor flat_gradient(const at::Tensor& p) {
    at::Tensor gradient = p.grad();
    if (!gradient.defined()) gradient = at::zeros_like(p);
    if (gradient.layout() != at::kStrided) gradient = gradient.to_dense();
    return (p.is_complex() ? at::view_as_real(gradient) : gradient).reshape(-1);
  }

  double first_trial() const {
    if (memory_.n_iter > 1) return options_.lr;
    const double sum = gradient_.abs().sum().item<double>();
    return std::min(1.0, 1 / sum) * options_.lr;
  }

  void move(double t) {
    int64_t at = 0;
    for (const at::Tensor& p : reals_) {
      p.add_(memory_.direction.slice(0, at, at + p.numel()).view(p.sizes()), t);
      at += p.numel();
    }
  }

  // A step of the given size; gives the number of evaluations.
  int64_t walk(bool last) {
    move(memory_.t);
    // In a stochastic setting the last one would tell nothing.
    if (last) return 0;
    evaluate();
    return 1;
  }

  int64_t search(double slope) {
    std::vector<at::Tensor> start;
    for (const at::Tensor& p : parameters_) start.push_back(p.clone());
    const auto at = [&](double t) {
      move(t);
      evaluate();
      at::_foreach_copy_(parameters_, start);
      return detail::LinePoint{t, loss_, gradient_, slope_of(gradient_)};
    };
    const auto [best, made] = detail::strong_wolfe(
        at, {0, loss_, gradient_, slope}, memory_.t, largest(memory_.direction),
        options_.tolerance_change, max_eval_ - evaluations_);
    memory_.t = best.t;
    loss_ = best.loss;
    gradient_ = best.gradient;
    move(memory_.t);
    return made;
  }

  bool settled() const {
    return largest(gradient_) <= options_.tolerance_grad ||
           largest(memory_.direction) * std::abs(memory_.t) <=
               options_.tolerance_change ||
           std::abs(loss_ - memory_.loss) < options_.tolerance_change;
  }

  Memory& memory_;
  const LBFGSOptions& options_;
  const LossClosure& closure_;
  int64_t max_eval_;
  int64_t evaluations_ = 1;
  std::vector<at::Tensor> parameters_{};
  std::vector<at::Tensor> reals_{};
  at::Tensor gradient_{};
  double loss_ = 0;
};

LBFGS::LBFGS(std::vector<at::Tensor> parameters, LBFGSOptions options)
    : LBFGS(std::vector<ParamGroup>{{.parameters = std::move(parameters)}},
            std::move(options)) {}

LBFGS::LBFGS(const std::vector<ParamGroup>& groups, LBFGSOptions options)
    : OptimizerOf(groups,
                  [&] {
                    if (!options.max_eval) {
                      options.max_eval = options.max_iter * 5 / 4;
                    }
                    return options;
                  }()),
      memory_(std::make_unique<Memory>()) {
  if (groups.size() == 1) return;
  throw ConfigError({.where = "LBFGS",
                     .what = "it has one group of parameters",
                     .got = std::to_string(groups.size())});
}

LBFGS::~LBFGS() = default;
LBFGS::LBFGS(LBFGS&& other) noexcept = default;
LBFGS& LBFGS::operator=(LBFGS&& other) noexcept = default;

at::Tensor LBFGS::step(LossClosure closure) {
  if (!closure) {
    throw ConfigError({.where = "LBFGS",
                       .what = "step() needs a closure",
                       .tip = "give it a function that clears the gradients, "
                              "computes the loss, calls backward() and returns "
                              "the loss"});
  }
  if (param_groups_.size() != 1) {
    throw ConfigError({.where = "LBFGS",
                       .what = "it has one group of parameters",
                       .got = std::to_string(param_groups_.size())});
  }
  for (const at::Tensor& parameter : param_groups_[0].params()) {
    if (parameter.scalar_type() != at::kHalf) continue;
    throw ConfigError({.where = "LBFGS",
                       .what = "a parameter is in float16, whose range is too "
                               "small for the products of differences",
                       .expected = "float32, float64 or bfloat16",
                       .tip = "\"bf16-true\" in place of \"16-true\""});
  }
  const at::NoGradGuard no_grad;
  memory_->used = true;
  return Step(*this, closure).run();
}

State LBFGS::parameter_state() const {
  if (!memory_->used) return State::map();
  return State::map({{int64_t{0}, memory_->state(options().history_size)}});
}

std::function<void()> LBFGS::prepare_state(
    const State& state, const std::vector<int64_t>& ids,
    const std::vector<std::unique_ptr<GroupOptions>>&) {
  auto next = std::make_shared<Memory>();
  const State* saved = state.find(State::Key(ids.front()));
  if (state.size() != (saved == nullptr ? 0U : 1U)) {
    throw CheckpointError({.where = "LBFGS::load_state",
                           .what = "there is state of several parameters",
                           .got = std::to_string(state.size()),
                           .expected = "all of it at the first one"});
  }
  if (saved != nullptr) {
    const std::vector<at::Tensor>& parameters = param_groups_[0].params();
    *next = Memory::from(*saved, parameters.front());
    int64_t size = 0;
    for (const at::Tensor& p : parameters) {
      size += p.numel() * (p.is_complex() ? 2 : 1);
    }
    if (next->direction.defined() && next->direction.numel() != size) {
      throw CheckpointError({.where = "LBFGS::load_state",
                             .what = "the parameters have another size",
                             .got = std::to_string(next->direction.numel()),
                             .expected = std::to_string(size)});
    }
  }
  return [this, next] { *memory_ = std::move(*next); };
}

}  // namespace bolt::optim
