#include <ATen/ATen.h>
#include <torch/optim/optimizer.h>
#include <torch/optim/schedulers/lr_scheduler.h>
#include <torch/optim/schedulers/reduce_on_plateau_scheduler.h>
#include <torch/optim/sgd.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/log.h>
#include <torchbolt/optim/schedules/one_cycle_lr.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <unordered_set>
#include <utility>

#include "trainer/checks.h"
#include "trainer/core.h"

// What configure_optimizers() returned, checked before the first batch.

namespace bolt::detail {
namespace {

using Parameters = std::unordered_set<const at::TensorImpl*>;

[[noreturn]] void refuse(std::string what, std::string tip,
                         std::string got = {}) {
  throw ConfigError({.where = "configure_optimizers",
                     .what = std::move(what),
                     .got = std::move(got),
                     .tip = std::move(tip)});
}

// Stands in where the user has no optimizer.
std::shared_ptr<torch::optim::Optimizer> no_optimizer() {
  return std::make_shared<torch::optim::SGD>(
      std::vector<at::Tensor>{at::zeros({0})}, 0.0);
}

Parameters tensors_of(const Module& module) {
  Parameters all;
  for (const at::Tensor& tensor : module.parameters()) {
    all.insert(tensor.unsafeGetTensorImpl());
  }
  for (const at::Tensor& tensor : module.buffers()) {
    all.insert(tensor.unsafeGetTensorImpl());
  }
  return all;
}

void check_parameters(const torch::optim::Optimizer& optimizer,
                      const std::string& which, const Parameters& of_module) {
  std::size_t group_idx = 0;
  Parameters seen;
  for (const auto& group : optimizer.param_groups()) {
    const std::string place =
        which + ", parameter group " + std::to_string(group_idx++);
    if (group.params().empty()) {
      refuse("an optimizer has a group without parameters",
             "is it made before the layers are registered, or does a "
             "condition leave none? Leave the group out",
             place);
    }
    for (const at::Tensor& parameter : group.params()) {
      const at::TensorImpl* each = parameter.unsafeGetTensorImpl();
      if (!seen.insert(each).second) {
        refuse("an optimizer has one parameter twice",
               "put each parameter into one group", place);
      }
      if (of_module.contains(each)) continue;
      refuse(
          "an optimizer has a parameter that isn't the module's, so that "
          "nothing would move or save it",
          "register_module() or register_parameter() what it belongs to",
          place + ": a tensor of shape " + c10::str(parameter.sizes()));
    }
  }
  if (seen.empty()) {
    refuse("an optimizer has no parameters",
           "is it made before the layers are registered?", which);
  }
}

// What a handle shares with its copies.
const void* object_of(const LRScheduler& scheduler) {
  const void* object = scheduler.as<optim::Schedule>();
  if (object == nullptr) object = scheduler.as<optim::ReduceLROnPlateau>();
  if (object == nullptr) object = scheduler.as<torch::optim::LRScheduler>();
  if (object == nullptr) {
    object = scheduler.as<torch::optim::ReduceLROnPlateauScheduler>();
  }
  return object;
}

void check_scheduler(const LRSchedulerConfig& config,
                     const OptimizerEntry& entry, const std::string& which,
                     bool manual) {
  if (!config.scheduler) {
    refuse("a schedule's config has no scheduler", "set .scheduler", which);
  }
  const LRScheduler& scheduler = *config.scheduler;
  const torch::optim::Optimizer* bound = scheduler.optimizer();
  if (bound != nullptr && bound != entry.optimizer.get()) {
    refuse(
        "a schedule is bound to another optimizer, so that it would change "
        "nothing here",
        "make it with the optimizer that it is returned with",
        scheduler.name() + " of " + which);
  }
  if (config.frequency < 1) {
    refuse("a schedule's frequency must be at least 1", "set .frequency = 1",
           scheduler.name() + ": " + std::to_string(config.frequency));
  }
  if (manual) {
    if (config.monitor || !config.strict) {
      log_warning(
          "[configure_optimizers] monitor and strict of a schedule have no "
          "effect under manual optimization, where training_step steps it");
    }
    return;
  }
  if (scheduler.needs_metric() && !config.monitor) {
    refuse("a plateau scheduler needs a metric to watch",
           "set .monitor to a logged metric", scheduler.name());
  }
  if (config.interval == Interval::kEpoch &&
      scheduler.as<optim::OneCycleLR>() != nullptr) {
    log_warning(
        "[configure_optimizers] OneCycleLR steps after each epoch here; its "
        "cycle is meant to step after each batch: .interval = "
        "bolt::Interval::kStep");
  }
}

[[noreturn]] void refuse_two_windows(const std::string& which) {
  refuse(
      "every_n_batches and the Trainer's accumulate_grad_batches say the same "
      "thing",
      "leave accumulate_grad_batches at 1, and GradientAccumulationScheduler "
      "out",
      which);
}

void check_entry(const OptimizerEntry& entry, const std::string& which,
                 const TrainerCore& core) {
  if (entry.optimizer == nullptr) {
    refuse("an entry has no optimizer", "set .optimizer", which);
  }
  if (entry.every_n_batches < 1) {
    refuse("every_n_batches must be at least 1", "set .every_n_batches = 1",
           which + ": " + std::to_string(entry.every_n_batches));
  }
  if (entry.gradient_clip_val && std::isnan(*entry.gradient_clip_val)) {
    refuse("gradient_clip_val is no number", "set a number, or leave it out",
           which + ": nan");
  }
  if (entry.every_n_batches == 1) return;
  if (core.manual()) {
    refuse(
        "every_n_batches is for automatic optimization, and the module's "
        "is manual",
        "make a step on each n-th batch in training_step", which);
  }
  const auto schedule = core.accumulation_schedule();
  if (std::ranges::any_of(schedule, [](auto& at) { return at.second != 1; })) {
    refuse_two_windows(which);
  }
}

// Lightning refuses several optimizers here; names say that it is meant.
void check_several(const std::vector<OptimizerEntry>& entries) {
  std::set<std::string> names;
  Parameters seen;
  for (const OptimizerEntry& entry : entries) {
    if (entry.name.empty()) {
      refuse("several optimizers need manual optimization, or names",
             "set automatic_optimization = false in the constructor and make "
             "the steps in training_step; or give each entry a .name, and all "
             "share one loss",
             std::to_string(entries.size()) + " optimizers, not all named");
    }
    if (!names.insert(entry.name).second) {
      refuse("two optimizers have one name", "give each a name of its own",
             "\"" + entry.name + "\" twice");
    }
    for (const auto& group : entry.optimizer->param_groups()) {
      for (const at::Tensor& parameter : group.params()) {
        if (seen.insert(parameter.unsafeGetTensorImpl()).second) continue;
        refuse(
            "two optimizers have one parameter, which both would change "
            "with the same gradient",
            "give each parameter to one of them", "\"" + entry.name + "\"");
      }
    }
  }
}

}  // namespace

void TrainerCore::configure_optimizers() {
  optimizers.clear();
  optimizer_entries.clear();
  schedulers.clear();
  OptimizerConfig config =
      hook_module(Hook::kConfigureOptimizers,
                  [](Module& m) { return m.configure_optimizers(); });
  optimizer_entries = std::move(config.entries());
  if (optimizer_entries.empty()) {
    log_warning(
        "[configure_optimizers] returned no optimizer; the fit runs "
        "without one");
    optimizer_entries.push_back({.optimizer = no_optimizer()});
    optimizers.push_back(optimizer_entries.front().optimizer);
    return;
  }
  const Parameters of_module = tensors_of(*module);
  for (std::size_t k = 0; k < optimizer_entries.size(); ++k) {
    OptimizerEntry& entry = optimizer_entries[k];
    const std::string which = describe_optimizer(entry.name, k);
    check_entry(entry, which, *this);
    check_parameters(*entry.optimizer, which, of_module);
    for (LRSchedulerConfig& scheduler : entry.lr_schedulers) {
      check_scheduler(scheduler, entry, which, manual());
      scheduler.optimizer_idx = k;
      const void* const object = object_of(*scheduler.scheduler);
      for (const LRSchedulerConfig& other : schedulers) {
        if (object_of(*other.scheduler) != object) continue;
        refuse("one schedule is returned twice, so that it would step twice",
               "return it once", scheduler.scheduler->name() + " of " + which);
      }
      schedulers.push_back(std::move(scheduler));
    }
    entry.lr_schedulers.clear();
    for (const auto& other : optimizers) {
      if (other != entry.optimizer) continue;
      refuse("one optimizer is returned twice", "return it once", which);
    }
    optimizers.push_back(entry.optimizer);
  }
  if (optimizer_entries.size() > 1 && !manual()) {
    check_several(optimizer_entries);
  }
  set_total_steps();
}

void TrainerCore::check_cadences() const {
  if (function != Stage::kFit || status != RunStatus::kRunning) return;
  for (std::size_t k = 0; k < optimizer_entries.size(); ++k) {
    const OptimizerEntry& entry = optimizer_entries[k];
    if (entry.every_n_batches == 1) continue;
    refuse_two_windows(describe_optimizer(entry.name, k));
  }
}

TrainerCore::ClipSettings TrainerCore::clip_settings(
    const torch::optim::Optimizer& optimizer) const {
  ClipSettings settings{options.gradient_clip_val,
                        options.gradient_clip_algorithm};
  for (const OptimizerEntry& entry : optimizer_entries) {
    if (entry.optimizer.get() != &optimizer) continue;
    if (entry.gradient_clip_val) settings.value = entry.gradient_clip_val;
    if (entry.gradient_clip_algorithm) {
      settings.algorithm = entry.gradient_clip_algorithm;
    }
  }
  return settings;
}

}  // namespace bolt::detail
