#include <torchbolt/core/error.h>
#include <torchbolt/trainer/module.h>

#include <string>

#include "trainer/checks.h"
#include "trainer/core.h"
#include "trainer/fit_loop.h"

// The module's side of manual optimization; the work is in
// manual_optimization.cpp.

namespace bolt {
namespace {

detail::TrainerCore& core_of(const Module& module, std::string_view where) {
  detail::TrainerCore& core = detail::TrainerAccess::core(module.trainer());
  if (core.status == RunStatus::kRunning && core.function == Stage::kFit) {
    return core;
  }
  throw ConfigError({.where = std::string(where),
                     .what = "there are optimizers in a fit only",
                     .tip = "call it in training_step, or a hook of the fit"});
}

LightningOptimizer handle(detail::TrainerCore& core, std::size_t k) {
  return {core.fit_loop->manual(), *core.optimizers[k],
          core.optimizer_entries[k].name};
}

[[noreturn]] void throw_no_index(std::string_view what, std::size_t index,
                                 std::size_t count) {
  throw ConfigError(
      {.where = std::string(what),
       .what = "the fit has no " + std::string(what) + " of that index",
       .got = std::to_string(index),
       .expected = "one of " + std::to_string(count) + ", counted from 0"});
}

}  // namespace

std::vector<LightningOptimizer> Module::optimizers() {
  detail::TrainerCore& core = core_of(*this, "optimizers");
  std::vector<LightningOptimizer> all;
  for (std::size_t k = 0; k < core.optimizers.size(); ++k) {
    all.push_back(handle(core, k));
  }
  return all;
}

LightningOptimizer Module::optimizer(std::size_t index) {
  detail::TrainerCore& core = core_of(*this, "optimizer");
  const std::size_t count = core.optimizers.size();
  if (index >= count) throw_no_index("optimizer", index, count);
  return handle(core, index);
}

LightningOptimizer Module::optimizer(std::string_view name) {
  detail::TrainerCore& core = core_of(*this, "optimizer");
  std::vector<std::string> names;
  std::string list;
  for (std::size_t k = 0; k < core.optimizers.size(); ++k) {
    const std::string& each = core.optimizer_entries[k].name;
    if (each == name) return handle(core, k);
    if (each.empty()) continue;
    names.push_back(each);
    list += (list.empty() ? "" : ", ") + each;
  }
  const std::string near = did_you_mean(name, names);
  throw ConfigError({.where = "optimizer",
                     .what = "no optimizer has that name",
                     .got = "\"" + std::string(name) + "\"",
                     .expected = list.empty() ? "a position: none has a name"
                                              : "one of: " + list,
                     .tip = near.empty()
                                ? "names are set in configure_optimizers(): "
                                  "{.optimizer = …, .name = …}"
                                : "did you mean \"" + near + "\"?"});
}

std::vector<LRScheduler*> Module::lr_schedulers() {
  std::vector<LRScheduler*> all;
  for (auto& config : core_of(*this, "lr_schedulers").schedulers) {
    all.push_back(&*config.scheduler);
  }
  return all;
}

LRScheduler& Module::lr_scheduler(std::size_t index) {
  auto& schedulers = core_of(*this, "lr_scheduler").schedulers;
  if (index >= schedulers.size()) {
    throw_no_index("lr_scheduler", index, schedulers.size());
  }
  return *schedulers[index].scheduler;
}

void Module::manual_backward(const at::Tensor& loss) {
  detail::TrainerCore& core = core_of(*this, "manual_backward");
  if (!core.manual()) {
    throw ConfigError({.where = "manual_backward",
                       .what = "the module's optimization is automatic",
                       .tip = "set automatic_optimization = false in the "
                              "constructor, or return the loss"});
  }
  core.backward(loss);
}

void Module::toggle_optimizer(torch::optim::Optimizer& optimizer) {
  core_of(*this, "toggle_optimizer").fit_loop->manual().toggle(optimizer);
}
void Module::untoggle_optimizer(torch::optim::Optimizer& optimizer) {
  core_of(*this, "untoggle_optimizer").fit_loop->manual().untoggle(optimizer);
}
ToggledOptimizer Module::toggled_optimizer(torch::optim::Optimizer& optimizer) {
  return {core_of(*this, "toggled_optimizer").fit_loop->manual(), optimizer,
          true};
}
BackwardSyncScope Module::no_backward_sync(bool enabled) {
  return {core_of(*this, "no_backward_sync").fit_loop->manual(), enabled};
}

}  // namespace bolt
