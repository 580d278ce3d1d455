#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torchbolt/core/error.h>
#include <torchbolt/optim/optimizer.h>

#include <bit>
#include <unordered_set>

#include "optim/group.h"

namespace bolt::optim {
namespace {

// Whether a tensor lies in memory as its parameter does.
bool alike(const at::Tensor& tensor, const at::Tensor& parameter) {
  return tensor.strides() == parameter.strides() &&
         tensor.sizes() == parameter.sizes();
}

bool same_kind(const at::Tensor& a, const at::Tensor& b) {
  return a.scalar_type() == b.scalar_type() && a.device() == b.device();
}

at::Tensor real_view(const at::Tensor& tensor) {
  return tensor.is_complex() ? at::view_as_real(tensor) : tensor;
}

}  // namespace

Optimizer::Optimizer(std::unique_ptr<GroupOptions> defaults)
    : torch::optim::Optimizer(std::vector<torch::optim::OptimizerParamGroup>{},
                              std::move(defaults)),
      store_(std::make_unique<Store>()) {}

Optimizer::~Optimizer() = default;
Optimizer::Optimizer(Optimizer&& other) noexcept = default;
Optimizer& Optimizer::operator=(Optimizer&& other) noexcept = default;

// -- parameters --------------------------------------------------------------

void Optimizer::add_param_group(const ParamGroup& group) {
  add_group(group, options_for(group));
}

void Optimizer::add_group(const ParamGroup& group,
                          std::unique_ptr<GroupOptions> options) {
  const std::string where(name());
  const std::size_t index = param_groups_.size();
  if (group.parameters.empty()) {
    throw ConfigError(
        {.where = where,
         .what = "group " + std::to_string(index) + " has no parameters",
         .tip = "make the layers in the module's constructor, "
                "and register them"});
  }
  std::unordered_set<const void*> seen;
  for (const auto& before : param_groups_) {
    for (const at::Tensor& p : before.params()) {
      seen.insert(p.unsafeGetTensorImpl());
    }
  }
  for (std::size_t i = 0; i < group.parameters.size(); ++i) {
    const at::Tensor& p = group.parameters[i];
    const std::string which =
        "parameter " + std::to_string(i) + " of group " + std::to_string(index);
    if (!p.defined()) {
      throw ConfigError({.where = where, .what = which + " is undefined"});
    }
    if (!p.is_leaf()) {
      throw ConfigError({.where = where,
                         .what = which + " was computed from others",
                         .got = "a tensor with grad_fn",
                         .expected = "a leaf: gradients are kept there only",
                         .tip = "give the module's parameters themselves"});
    }
    if (!seen.insert(p.unsafeGetTensorImpl()).second) {
      throw ConfigError({.where = where,
                         .what = which + " was given before",
                         .tip = "with tied weights, give "
                                "param_groups(module), which takes them once"});
    }
  }
  torch::optim::Optimizer::add_param_group(
      torch::optim::OptimizerParamGroup(group.parameters));
  param_groups_.back().set_options(std::move(options));
  if (!group.name.empty()) synced(index).extras["name"] = group.name;
}

State& Optimizer::extras(std::size_t group) { return synced(group).extras; }

// The rows of a group, after what others may have done to torch's list of
// parameters: what is still there keeps its state.
Optimizer::Group& Optimizer::synced(std::size_t group) const {
  const std::vector<at::Tensor>& now = param_groups_.at(group).params();
  while (store_->groups.size() < param_groups_.size()) {
    store_->groups.emplace_back();
  }
  Group& rows = store_->groups[group];
  const bool same =
      now.size() == rows.parameters.size() &&
      std::equal(now.begin(), now.end(), rows.parameters.begin(),
                 [](const auto& a, const auto& b) { return a.is_same(b); });
  if (same) return rows;

  Group next;
  next.extras = std::move(rows.extras);
  for (std::size_t i = 0; i < now.size(); ++i) {
    next.add(now[i]);
    for (std::size_t k = 0; k < rows.parameters.size(); ++k) {
      if (!rows.parameters[k].is_same(now[i])) continue;
      next.made[i] = rows.made[k];
      for (std::size_t c = 0; c < detail::kMaxColumns; ++c) {
        next.columns[c][i] = rows.columns[c][k];
      }
    }
  }
  rows = std::move(next);
  return rows;
}

// -- a step ------------------------------------------------------------------

at::Tensor Optimizer::step(LossClosure closure) {
  at::Tensor loss;
  if (closure) {
    const at::AutoGradMode grad(true);
    loss = closure();
  }
  const at::NoGradGuard no_grad;
  for (std::size_t g = 0; g < param_groups_.size(); ++g) step_group(g);
  return loss;
}

void Optimizer::step_group(std::size_t g) {
  Group& rows = synced(g);
  const GroupOptions& options = param_groups_[g].options();
  const std::size_t n = rows.parameters.size();
  if (n == 0) return;  // somebody took them out of torch's list
  const at::Tensor& first = rows.parameters.front();
  rows.gradients.clear();
  rows.fresh.assign(n, 0);
  bool whole = !first.is_complex();  // so that the group is one update
  bool dense = true;
  for (std::size_t i = 0; i < n; ++i) {
    const at::Tensor& p = rows.parameters[i];
    const at::Tensor& gradient = p.grad();
    rows.gradients.push_back(gradient);
    if (!gradient.defined()) {
      whole = false;
      continue;
    }
    if (gradient.layout() != at::kStrided) {
      rows.gradients.clear();
      throw ConfigError({.where = std::string(name()),
                         .what = "a gradient is sparse",
                         .expected = "dense gradients",
                         .tip = "make the embedding without .sparse(true)"});
    }
    const unsigned missing = columns_used(options, p) & ~rows.made[i];
    if (missing != 0) make_missing(rows, i, missing, options);
    rows.fresh[i] = missing != 0;
    whole = whole && same_kind(p, first) && rows.fresh[i] == rows.fresh[0];
    dense = dense && p.is_non_overlapping_and_dense() && alike(gradient, p);
  }
  if (whole) {
    detail::Rows all{.parameters = rows.parameters,
                     .gradients = rows.gradients,
                     .fresh = rows.fresh.front() != 0,
                     .dense = dense};
    for (std::size_t c = 0; c < columns().size(); ++c) {
      all.columns[c] = rows.columns[c];
    }
    update(options, all);
  } else {
    update_mixed(options, rows);
  }
  // Whoever else holds a gradient makes the next backward pass copy it.
  rows.gradients.clear();
}

// Parameters with gradients, by device, type, and whether their state is new.
void Optimizer::update_mixed(const GroupOptions& options, Group& rows) {
  Store& part = *store_;
  const std::size_t n = rows.parameters.size();
  const std::size_t width = columns().size();
  part.done.assign(n, 0);
  for (std::size_t start = 0; start < n; ++start) {
    if (part.done[start] || !rows.gradients[start].defined()) continue;
    detail::Rows some{.fresh = rows.fresh[start] != 0};
    for (std::size_t i = start; i < n; ++i) {
      const at::Tensor& p = rows.parameters[i];
      const at::Tensor& gradient = rows.gradients[i];
      if (part.done[i] || !gradient.defined() ||
          rows.fresh[i] != rows.fresh[start] ||
          !same_kind(p, rows.parameters[start])) {
        continue;
      }
      part.done[i] = 1;
      some.dense =
          some.dense && p.is_non_overlapping_and_dense() && alike(gradient, p);
      part.parameters.push_back(real_view(p));
      part.gradients.push_back(real_view(gradient));
      for (std::size_t c = 0; c < width; ++c) {
        const at::Tensor& value = rows.columns[c][i];
        part.columns[c].push_back(value.defined() ? real_view(value) : value);
      }
    }
    some.parameters = part.parameters;
    some.gradients = part.gradients;
    for (std::size_t c = 0; c < width; ++c) some.columns[c] = part.columns[c];
    update(options, some);
    part.parameters.clear();
    part.gradients.clear();
    for (auto& column : part.columns) column.clear();
  }
}

void Optimizer::make_missing(Group& rows, std::size_t i, unsigned missing,
                             const GroupOptions& options) const {
  while (missing != 0) {
    const auto c = static_cast<std::size_t>(std::countr_zero(missing));
    rows.columns[c][i] = make_column(c, options, rows.parameters[i]);
    rows.made[i] |= 1U << c;
    missing &= missing - 1;
  }
}

void Optimizer::make_state() {
  const at::NoGradGuard no_grad;
  for (std::size_t g = 0; g < param_groups_.size(); ++g) {
    Group& rows = synced(g);
    const GroupOptions& options = param_groups_[g].options();
    for (std::size_t i = 0; i < rows.parameters.size(); ++i) {
      const unsigned used = columns_used(options, rows.parameters[i]);
      make_missing(rows, i, used & ~rows.made[i], options);
    }
  }
}

}  // namespace bolt::optim
