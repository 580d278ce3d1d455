#include <torch/optim/adagrad.h>
#include <torch/optim/optimizer.h>
#include <torchbolt/callbacks/base_finetuning.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/log.h>
#include <torchbolt/core/number.h>
#include <torchbolt/optim/optimizer.h>
#include <torchbolt/trainer/trainer.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "callbacks/layers.h"
#include "optim/parameter_set.h"

namespace bolt {
namespace {

using torch::optim::Optimizer;

void set_gradients(torch::nn::Module& layer, bool on) {
  for (auto& item : layer.named_parameters(/*recurse=*/false)) {
    if (item.value().defined()) item.value().set_requires_grad(on);
  }
}

void add_group(Optimizer& optimizer, std::vector<at::Tensor> parameters,
               double lr) {
  if (auto* own = dynamic_cast<optim::Optimizer*>(&optimizer)) {
    own->add_param_group({.parameters = std::move(parameters), .lr = lr});
    return;
  }
  if (dynamic_cast<torch::optim::Adagrad*>(&optimizer) != nullptr) {
    throw ConfigError({.where = "BaseFinetuning",
                       .what = "torch::optim::Adagrad makes its state when it "
                               "is made, and none for groups that come later",
                       .tip = "use bolt::optim::Adagrad"});
  }
  optimizer.add_param_group(
      torch::optim::OptimizerParamGroup(std::move(parameters)));
  // Not by the group's own options: of these torch takes a rate that is its
  // class's default for one that wasn't set.
  optimizer.param_groups().back().options().set_lr(lr);
}

State list_of(const std::vector<std::string>& names) {
  State list = State::list();
  for (const std::string& name : names) list.push_back(name);
  return list;
}

std::vector<std::string> names_in(const State& list) {
  std::vector<std::string> names;
  for (const State& name : list.items()) names.push_back(name.as_string());
  return names;
}

[[noreturn]] void another_module(std::string what, std::string got) {
  throw CheckpointError({.where = "BaseFinetuning",
                         .what = std::move(what),
                         .got = std::move(got)});
}

}  // namespace

// -- what derived classes use ------------------------------------------------

void BaseFinetuning::freeze(torch::nn::Module& module, bool train_bn) {
  for (torch::nn::Module* layer : layers_of(module)) {
    const auto norm = as_batch_norm(*layer);
    if (norm && train_bn) {
      make_trainable(*layer);
      continue;
    }
    set_gradients(*layer, false);
    // With a momentum of 0 it still normalizes by the batch, as it did, and
    // its running statistics stay.
    if (norm) set_momentum(momenta_, *norm, 0.0);
  }
}

void BaseFinetuning::make_trainable(torch::nn::Module& module) {
  for (torch::nn::Module* layer : layers_of(module)) {
    set_gradients(*layer, true);
    restore_momentum(momenta_, *layer);
  }
}

std::vector<at::Tensor> BaseFinetuning::filter_params(torch::nn::Module& module,
                                                      bool train_bn,
                                                      bool requires_grad) {
  std::vector<at::Tensor> found;
  std::unordered_set<const void*> seen;
  for (torch::nn::Module* layer : layers_of(module)) {
    if (!train_bn && as_batch_norm(*layer)) continue;
    for (const auto& item : layer->named_parameters(/*recurse=*/false)) {
      const at::Tensor& p = item.value();
      if (!p.defined() || p.requires_grad() != requires_grad) continue;
      if (seen.insert(p.unsafeGetTensorImpl()).second) found.push_back(p);
    }
  }
  return found;
}

void BaseFinetuning::unfreeze_and_add_param_group(
    torch::nn::Module& module, Optimizer& optimizer,
    const UnfreezeOptions& options) {
  const double denominator = options.initial_denom_lr;
  if (!(std::isfinite(denominator) && denominator > 0)) {
    throw ConfigError({.where = "unfreeze_and_add_param_group",
                       .what = "initial_denom_lr is out of range",
                       .got = shortest(denominator),
                       .expected = "more than 0"});
  }
  make_trainable(module);
  std::vector<at::Tensor> parameters = filter_params(module, options.train_bn);
  const auto known = optim::detail::parameters_of(optimizer);
  if (std::erase_if(parameters, [&](const at::Tensor& p) {
        return known.contains(p.unsafeGetTensorImpl());
      }) > 0) {
    log_warning(
        "[unfreeze_and_add_param_group] the optimizer has some of these "
        "parameters already; they stay in their group. Give it those that "
        "have requires_grad() alone in configure_optimizers");
  }
  if (parameters.empty()) return;
  const double lr =
      options.lr.value_or(optimizer.param_groups().front().options().get_lr() /
                          options.initial_denom_lr);
  add_group(optimizer, std::move(parameters), lr);
}

// -- a fit -------------------------------------------------------------------

void BaseFinetuning::setup(Trainer&, Module& module, Stage stage) {
  if (stage != Stage::kFit) return;
  restore_momenta(momenta_);
  freeze_before_training(module);
}

void BaseFinetuning::on_fit_start(Trainer& trainer, Module& module) {
  if (!std::exchange(restarting_, false)) {
    groups_.clear();
    frozen_.clear();
    return;
  }
  restore_frozen(module);
  const auto& optimizers = trainer.optimizers();
  for (std::size_t k = 0; k < std::min(optimizers.size(), groups_.size());
       ++k) {
    restore_groups(*optimizers[k], module, groups_[k]);
  }
}

// Whoever has the module next finds its batch normalizations as they were.
void BaseFinetuning::on_exception(Trainer&, Module&, std::exception_ptr) {
  restore_momenta(momenta_);
}

void BaseFinetuning::teardown(Trainer&, Module&, Stage stage) {
  if (stage == Stage::kFit) restore_momenta(momenta_);
}

void BaseFinetuning::restore_frozen(Module& module) {
  const std::unordered_set<std::string> frozen(frozen_.begin(), frozen_.end());
  for (auto& item : module.named_parameters()) {
    item.value().set_requires_grad(!frozen.contains(item.key()));
  }
  for (torch::nn::Module* layer : layers_of(module)) {
    if (!momenta_.contains(layer)) continue;
    const auto own = layer->named_parameters(/*recurse=*/false);
    if (std::ranges::all_of(
            own, [](const auto& p) { return p.value().requires_grad(); })) {
      make_trainable(*layer);
    }
  }
}

// The first groups come from configure_optimizers, which ran again.
void BaseFinetuning::restore_groups(Optimizer& optimizer, Module& module,
                                    const Groups& saved) const {
  const Groups now = groups_of(optimizer, module);
  if (now.size() > saved.size()) {
    another_module("the optimizer has more parameter groups than were saved",
                   std::to_string(now.size()));
  }
  for (std::size_t k = 0; k < now.size(); ++k) {
    if (now[k].names == saved[k].names) continue;
    another_module("parameter group " + std::to_string(k) +
                       " has other parameters than when it was saved",
                   std::to_string(now[k].names.size()) + " of them");
  }
  const auto parameters = module.named_parameters();
  for (std::size_t k = now.size(); k < saved.size(); ++k) {
    std::vector<at::Tensor> added;
    for (const std::string& name : saved[k].names) {
      const at::Tensor* p = parameters.find(name);
      if (p == nullptr) another_module("a parameter is missing", name);
      added.push_back(*p);
    }
    add_group(optimizer, std::move(added), saved[k].lr);
  }
}

void BaseFinetuning::on_train_epoch_start(Trainer& trainer, Module& module) {
  groups_.clear();
  for (const auto& optimizer : trainer.optimizers()) {
    finetune_function(module, trainer.current_epoch(), *optimizer);
    groups_.push_back(groups_of(*optimizer, module));
  }
  frozen_.clear();
  for (const auto& item : module.named_parameters()) {
    if (!item.value().requires_grad()) frozen_.push_back(item.key());
  }
}

BaseFinetuning::Groups BaseFinetuning::groups_of(Optimizer& optimizer,
                                                 Module& module) const {
  std::unordered_map<const void*, std::string> names;
  for (const auto& item : module.named_parameters()) {
    names.emplace(item.value().unsafeGetTensorImpl(), item.key());
  }
  Groups groups;
  for (const auto& group : optimizer.param_groups()) {
    Group& added = groups.emplace_back();
    added.lr = group.options().get_lr();
    for (const at::Tensor& p : group.params()) {
      added.names.push_back(names[p.unsafeGetTensorImpl()]);
    }
  }
  return groups;
}

// Lightning's keys, and what is frozen, which it forgets.
State BaseFinetuning::state() const {
  State optimizers = State::map();
  for (std::size_t k = 0; k < groups_.size(); ++k) {
    State groups = State::list();
    for (const Group& group : groups_[k]) {
      groups.push_back(
          State::map({{"lr", group.lr}, {"params", list_of(group.names)}}));
    }
    optimizers[k] = std::move(groups);
  }
  return State::map({{"internal_optimizer_metadata", std::move(optimizers)},
                     {"frozen", list_of(frozen_)}});
}

void BaseFinetuning::load_state(const State& state) {
  groups_.clear();
  frozen_ = names_in(state.at("frozen"));
  for (const auto& [key, groups] :
       state.at("internal_optimizer_metadata").entries()) {
    Groups& of = groups_.emplace_back();
    for (const State& group : groups.items()) {
      of.push_back({names_in(group.at("params")), group.at("lr").as_double()});
    }
  }
  restarting_ = !groups_.empty();
}

}  // namespace bolt
