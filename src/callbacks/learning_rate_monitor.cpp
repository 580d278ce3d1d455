#include <torch/optim/adagrad.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/rmsprop.h>
#include <torch/optim/sgd.h>
#include <torchbolt/callbacks/learning_rate_monitor.h>
#include <torchbolt/core/error.h>
#include <torchbolt/data/batch.h>
#include <torchbolt/optim/momentum.h>
#include <torchbolt/optim/optimizer.h>
#include <torchbolt/trainer/trainer.h>

#include <map>
#include <set>
#include <string>
#include <typeinfo>
#include <utility>
#include <vector>

#include "callbacks/need_logger.h"

namespace bolt {
namespace {

using torch::optim::OptimizerOptions;

double weight_decay_of(torch::optim::Optimizer& optimizer, std::size_t group) {
  using namespace torch::optim;
  if (auto* own = dynamic_cast<bolt::optim::Optimizer*>(&optimizer)) {
    const double* value = own->weight_decay(group);
    return value ? *value : 0;
  }
  const OptimizerOptions& options = optimizer.param_groups()[group].options();
  if (const auto* o = dynamic_cast<const SGDOptions*>(&options)) {
    return o->weight_decay();
  }
  if (const auto* o = dynamic_cast<const AdamWOptions*>(&options)) {
    return o->weight_decay();
  }
  if (const auto* o = dynamic_cast<const AdamOptions*>(&options)) {
    return o->weight_decay();
  }
  if (const auto* o = dynamic_cast<const RMSpropOptions*>(&options)) {
    return o->weight_decay();
  }
  if (const auto* o = dynamic_cast<const AdagradOptions*>(&options)) {
    return o->weight_decay();
  }
  return 0;
}

// "torch::optim::AdamW" is AdamW to people.
std::string class_of(const torch::optim::Optimizer& optimizer) {
  std::string name = type_name(typeid(optimizer));
  if (const auto colons = name.rfind("::"); colons != std::string::npos) {
    name.erase(0, colons + 2);
  }
  return name;
}

// What follows the optimizer's name for each group: its own name, else "/pg1"
// and so on, and nothing for one group without a name. Throws ConfigError where
// two are the same.
std::vector<std::string> group_suffixes(torch::optim::Optimizer& optimizer) {
  auto* own = dynamic_cast<bolt::optim::Optimizer*>(&optimizer);
  const std::size_t count = optimizer.param_groups().size();
  std::vector<std::string> suffixes;
  std::set<std::string> seen;
  for (std::size_t k = 0; k < count; ++k) {
    const State* name = own != nullptr ? own->extras(k).find("name") : nullptr;
    std::string suffix;
    if (name != nullptr && name->is_string()) {
      suffix = "/" + name->as_string();
    } else if (count > 1) {
      suffix = "/pg" + std::to_string(k + 1);
    }
    if (!seen.insert(suffix).second) {
      throw ConfigError({.where = "LearningRateMonitor",
                         .what = "two parameter groups of " +
                                 class_of(optimizer) + " have one name",
                         .got = "\"" + suffix.substr(1) + "\"",
                         .tip = "give each group a .name of its own"});
    }
    suffixes.push_back(std::move(suffix));
  }
  return suffixes;
}

}  // namespace

void LearningRateMonitor::on_train_start(Trainer& trainer, Module&) {
  need_logger(trainer, "LearningRateMonitor");
  for (const auto& optimizer : trainer.optimizers()) group_suffixes(*optimizer);
}

void LearningRateMonitor::on_train_batch_start(Trainer& trainer, Module&,
                                               const AnyBatch&,
                                               const StepContext&) {
  if (options_.logging_interval == Interval::kEpoch) return;
  if (trainer.logging_is_due()) {
    trainer.report(values(trainer, Interval::kStep));
  }
}

void LearningRateMonitor::on_train_epoch_start(Trainer& trainer, Module&) {
  if (options_.logging_interval == Interval::kStep) return;
  trainer.report(values(trainer, Interval::kEpoch));
}

// Schedules come first, in the order in which they are listed, then optimizers
// without one. What has no name of its own is numbered within its class, and a
// name of one's own carries the number that its class has reached.
MetricMap LearningRateMonitor::values(Trainer& trainer, Interval at) const {
  MetricMap found;
  const auto& optimizers = trainer.optimizers();
  std::map<std::string, int> of_class;
  std::vector<bool> scheduled(optimizers.size(), false);
  const auto name_of = [&](const torch::optim::Optimizer& optimizer,
                           const std::optional<std::string>& own) {
    const std::string type = class_of(optimizer);
    int& count = of_class[type];
    if (!own) ++count;
    return own.value_or("lr-" + type) +
           (count > 1 ? "-" + std::to_string(count - 1) : "");
  };
  for (const LRSchedulerConfig& schedule : trainer.lr_scheduler_configs()) {
    torch::optim::Optimizer& optimizer = *optimizers[schedule.optimizer_idx];
    scheduled[schedule.optimizer_idx] = true;
    const std::string name = name_of(optimizer, schedule.name);
    if (options_.logging_interval || schedule.interval == at) {
      add(found, optimizer, name);
    }
  }
  for (std::size_t k = 0; k < optimizers.size(); ++k) {
    if (scheduled[k]) continue;
    add(found, *optimizers[k], name_of(*optimizers[k], {}));
  }
  return found;
}

void LearningRateMonitor::add(MetricMap& values,
                              torch::optim::Optimizer& optimizer,
                              const std::string& name) const {
  const std::vector<std::string> suffixes = group_suffixes(optimizer);
  for (std::size_t k = 0; k < suffixes.size(); ++k) {
    const std::string key = options_.log_key_prefix + name + suffixes[k];
    values[key] = optimizer.param_groups()[k].options().get_lr();
    if (options_.log_momentum) {
      values[key + "-momentum"] = optim::momentum(optimizer, k).value_or(0);
    }
    if (options_.log_weight_decay) {
      values[key + "-weight_decay"] = weight_decay_of(optimizer, k);
    }
  }
}

}  // namespace bolt
