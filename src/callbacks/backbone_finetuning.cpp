#include <torch/optim/optimizer.h>
#include <torchbolt/callbacks/backbone_finetuning.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/log.h>
#include <torchbolt/core/number.h>
#include <torchbolt/trainer/trainer.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace bolt {
namespace {

constexpr const char* kBackbone = "BackboneFinetuning";

void need_positive(double value, const char* name) {
  if (value > 0 && std::isfinite(value)) return;
  throw ConfigError({.where = kBackbone,
                     .what = std::string(name) + " is out of range",
                     .got = shortest(value),
                     .expected = "more than 0"});
}

}  // namespace

BackboneFinetuning::BackboneFinetuning(BackboneFinetuningOptions options)
    : options_(std::move(options)) {
  if (options_.unfreeze_backbone_at_epoch < 0) {
    throw ConfigError(
        {.where = kBackbone,
         .what = "unfreeze_backbone_at_epoch is negative",
         .got = std::to_string(options_.unfreeze_backbone_at_epoch),
         .expected = "at least 0"});
  }
  need_positive(options_.backbone_initial_ratio_lr,
                "backbone_initial_ratio_lr");
  need_positive(options_.backbone_initial_lr.value_or(1),
                "backbone_initial_lr");
  if (!options_.lambda_func) {
    options_.lambda_func = [](int64_t) { return 2.0; };
  }
}

torch::nn::Module& BackboneFinetuning::backbone_of(Module& module) const {
  std::vector<std::string> names;
  std::string list;
  for (const auto& child : module.named_children()) {
    if (!child.value()) continue;
    if (child.key() == options_.backbone) return *child.value();
    names.push_back(child.key());
    list += (list.empty() ? "" : ", ") + child.key();
  }
  const std::string near = did_you_mean(options_.backbone, names);
  throw ConfigError(
      {.where = kBackbone,
       .what = "the module has no submodule of that name",
       .got = "\"" + options_.backbone + "\"",
       .expected = list.empty() ? "register_module(\"backbone\", …)"
                                : "one of: " + list,
       .tip = near.empty() ? "set .backbone, or register it under that name"
                           : "did you mean \"" + near + "\"?"});
}

void BackboneFinetuning::freeze_before_training(Module& module) {
  freeze(backbone_of(module), options_.train_bn);
}

void BackboneFinetuning::on_fit_start(Trainer& trainer, Module& module) {
  if (trainer.optimizers().size() != 1) {
    throw ConfigError({.where = kBackbone,
                       .what = "it adds a parameter group to the optimizer, of "
                               "which there are several",
                       .got = std::to_string(trainer.optimizers().size()),
                       .expected = "1",
                       .tip = "derive from BaseFinetuning"});
  }
  // Another fit begins with the backbone frozen, in whatever epoch.
  if (!restarting()) backbone_lr_.reset();
  BaseFinetuning::on_fit_start(trainer, module);
}

void BackboneFinetuning::finetune_function(Module& module, int64_t epoch,
                                           torch::optim::Optimizer& optimizer) {
  const int64_t begin = options_.unfreeze_backbone_at_epoch;
  if (epoch < begin) {
    backbone_lr_.reset();
    return;
  }
  auto& groups = optimizer.param_groups();
  const double main_lr = groups.front().options().get_lr();
  if (epoch == begin || !backbone_lr_) {
    backbone_lr_ = options_.backbone_initial_lr.value_or(
        main_lr * options_.backbone_initial_ratio_lr);
    unfreeze_and_add_param_group(
        backbone_of(module), optimizer,
        {.lr = backbone_lr_, .train_bn = options_.train_bn});
  } else {
    double next = options_.lambda_func(epoch + 1) * *backbone_lr_;
    if (options_.should_align) next = std::min(next, main_lr);
    backbone_lr_ = next;
    groups.back().options().set_lr(next);
  }
  if (options_.verbose) {
    log_info("[BackboneFinetuning] learning rates: " + brief(main_lr) +
             ", backbone " + brief(*backbone_lr_));
  }
}

State BackboneFinetuning::state() const {
  State state = BaseFinetuning::state();
  state["previous_backbone_lr"] = backbone_lr_ ? State(*backbone_lr_) : State();
  return state;
}

void BackboneFinetuning::load_state(const State& state) {
  BaseFinetuning::load_state(state);
  const State& lr = state.at("previous_backbone_lr");
  backbone_lr_ = lr.is_none() ? std::nullopt : std::optional(lr.as_double());
}

}  // namespace bolt
