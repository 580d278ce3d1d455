#pragma once

#include <torchbolt/core/error.h>
#include <torchbolt/optim/optimizer_of.h>

#include <typeinfo>
#include <utility>

#include "optim/fields.h"
#include "optim/rows.h"

// The definitions of OptimizerOf's members, for the file that instantiates it.
// All that is special about an optimizer stands in its Rule.

namespace bolt::optim {

/// What an optimizer with options `O` does. A specialization has
///   kName, kColumns, kAtOnce (whether state is made by the constructor),
///   kLoops (whether it has loops over memory, see loops.h),
///   fused(options) (whether one kernel may take all), check(options),
///   fields(visitor, options), used(options, parameter), make(column, options,
///   parameter), update(options, rows).
template <class O>
struct Rule;

template <class O>
struct OptionsOf final : torch::optim::OptimizerOptions {
  explicit OptionsOf(O values) : values(std::move(values)) {}
  std::unique_ptr<torch::optim::OptimizerOptions> clone() const override {
    return std::make_unique<OptionsOf>(values);
  }
  double get_lr() const override { return values.lr; }
  void set_lr(double lr) override { values.lr = lr; }
  O values;
};

template <class O>
const O& values_of(const torch::optim::OptimizerOptions& options) {
  if (typeid(options) != typeid(OptionsOf<O>)) {
    throw ConfigError({.where = Rule<O>::kName,
                       .what = "a group has the options of another optimizer",
                       .tip = "add groups with this optimizer's "
                              "add_param_group()"});
  }
  return static_cast<const OptionsOf<O>&>(options).values;
}

template <class O>
OptimizerOf<O>::OptimizerOf(std::vector<at::Tensor> parameters, O options)
    : OptimizerOf(
          std::vector<ParamGroup>{{.parameters = std::move(parameters)}},
          std::move(options)) {}

template <class O>
OptimizerOf<O>::OptimizerOf(const std::vector<ParamGroup>& groups, O options)
    : Optimizer(std::make_unique<OptionsOf<O>>(std::move(options))) {
  Rule<O>::check(values_of<O>(*defaults_));
  if (groups.empty()) {
    throw ConfigError({.where = Rule<O>::kName, .what = "there are no groups"});
  }
  for (const ParamGroup& group : groups) {
    add_group(group, OptimizerOf::options_for(group));
  }
  if constexpr (Rule<O>::kAtOnce) make_state();
}

template <class O>
const O& OptimizerOf<O>::options(std::size_t group) const {
  return values_of<O>(param_groups_.at(group).options());
}

template <class O>
O& OptimizerOf<O>::options(std::size_t group) {
  return const_cast<O&>(std::as_const(*this).options(group));
}

template <class O>
std::string_view OptimizerOf<O>::name() const {
  return Rule<O>::kName;
}

template <class O>
double* OptimizerOf<O>::momentum(std::size_t group) {
  O& o = options(group);
  if constexpr (requires { o.betas; }) {
    return &o.betas.first;
  } else if constexpr (requires { o.momentum; }) {
    return &o.momentum;
  } else {
    return nullptr;
  }
}

template <class O>
double* OptimizerOf<O>::weight_decay(std::size_t group) {
  O& o = options(group);
  if constexpr (requires { o.weight_decay; }) {
    return &o.weight_decay;
  } else {
    return nullptr;
  }
}

template <class O>
std::span<const std::string_view> OptimizerOf<O>::columns() const {
  return Rule<O>::kColumns;
}

template <class O>
unsigned OptimizerOf<O>::columns_used(const GroupOptions& options,
                                      const at::Tensor& parameter) const {
  return Rule<O>::used(values_of<O>(options), parameter);
}

template <class O>
at::Tensor OptimizerOf<O>::make_column(std::size_t column,
                                       const GroupOptions& options,
                                       const at::Tensor& parameter) const {
  return Rule<O>::make(column, values_of<O>(options), parameter);
}

template <class O>
void OptimizerOf<O>::update(const GroupOptions& options,
                            const detail::Rows& rows) {
  const O& o = values_of<O>(options);
  if constexpr (Rule<O>::kLoops) {
    if (detail::loops_fit(rows)) return Rule<O>::update(o, rows);
  }
  // On the CPU, foreach kernels are loops over tensors. One tensor at a time
  // stays in the cache from the first kernel to the last.
  if (rows.parameters.front().is_cpu() && !Rule<O>::fused(o)) {
    for (std::size_t i = 0; i < rows.parameters.size(); ++i) {
      Rule<O>::update(o, rows.one(i));
    }
    return;
  }
  Rule<O>::update(o, rows);
}

template <class O>
std::unique_ptr<torch::optim::OptimizerOptions> OptimizerOf<O>::options_for(
    const ParamGroup& group) const {
  O o = values_of<O>(*defaults_);
  o.lr = group.lr.value_or(o.lr) * group.lr_scale;
  if constexpr (requires { o.weight_decay; }) {
    o.weight_decay = group.weight_decay.value_or(o.weight_decay);
  }
  Rule<O>::check(o);
  return std::make_unique<OptionsOf<O>>(std::move(o));
}

template <class O>
State OptimizerOf<O>::options_state(const GroupOptions& options) const {
  State state = State::map();
  detail::SaveFields save(state);
  Rule<O>::fields(save, values_of<O>(options));
  return state;
}

template <class O>
std::unique_ptr<torch::optim::OptimizerOptions> OptimizerOf<O>::options_from(
    State& state, const GroupOptions& now) const {
  O o = values_of<O>(now);
  detail::LoadFields load(state);
  Rule<O>::fields(load, o);
  Rule<O>::check(o);
  return std::make_unique<OptionsOf<O>>(std::move(o));
}

}  // namespace bolt::optim
