#include "trainer/checkpoint_tree.h"

#include <torch/optim/optimizer.h>
#include <torchbolt/checkpoint/state_dict.h>
#include <torchbolt/core/log.h>
#include <torchbolt/optim/optimizer_state.h>

#include <utility>

#include "trainer/core.h"
#include "trainer/evaluation_loop.h"
#include "trainer/fit_loop.h"

namespace bolt::detail {
namespace {

// The version whose layout the files have.
constexpr const char* kLightning = "2.6.6";

void set_hparams(State& tree, const std::string& prefix, const State& hparams) {
  if (is_empty(hparams)) return;
  tree[prefix + "hparams_name"] = "kwargs";
  tree[prefix + "hyper_parameters"] = hparams;
}

}  // namespace

bool is_empty(const State& state) {
  return state.is_none() || (state.is_map() && state.size() == 0);
}

std::string data_key(const LightningDataModule& data) {
  return type_name(typeid(data));
}

State CheckpointTree::all(bool weights_only) {
  Module& module = *core_.module;
  State tree = State::map();
  tree["epoch"] = core_.progress.epochs.current.completed;
  tree["global_step"] = core_.global_step();
  tree["pytorch-lightning_version"] = kLightning;
  tree["state_dict"] = state_dict(module);
  tree["loops"] = loops();
  if (!weights_only) {
    tree["callbacks"] = callback_states();
    const State now = optimization();
    for (const auto& [key, value] : now.entries()) tree.set(key, value);
  }
  set_hparams(tree, "", module.hparams());
  const State of_data = core_.data_is_set_up ? data() : core_.data_of_last_fit;
  for (const auto& [key, value] : of_data.entries()) tree.set(key, value);
  const HookScope scope(module, Hook::kOnSaveCheckpoint);
  if (!weights_only) {
    for (const auto& callback : core_.callbacks) {
      callback->on_save_checkpoint(core_.trainer, module, tree);
    }
  }
  module.on_save_checkpoint(tree);
  return tree;
}

State CheckpointTree::data() const {
  State tree = State::map();
  set_hparams(tree, "datamodule_", core_.data->hparams());
  State state = core_.data->state();
  if (!is_empty(state)) tree[data_key(*core_.data)] = std::move(state);
  return tree;
}

State CheckpointTree::optimization() const {
  State tree = State::map();
  State optimizers = State::list();
  for (const auto& optimizer : core_.optimizers) {
    optimizers.push_back(optim::optimizer_state(*optimizer));
  }
  tree["optimizer_states"] = std::move(optimizers);
  State schedulers = State::list();
  for (const LRSchedulerConfig& config : core_.schedulers) {
    if (config.scheduler->has_state()) {
      schedulers.push_back(config.scheduler->state());
      continue;
    }
    core_.once.warning(
        "[Trainer.save_checkpoint] " + config.scheduler->name() +
        " of torch has no state, so that it begins anew in a run that goes "
        "on from a checkpoint; bolt::optim has the same schedule with one");
    schedulers.push_back(State::map());
  }
  tree["lr_schedulers"] = std::move(schedulers);
  const State precision = core_.fabric.state();
  for (const auto& [key, value] : precision.entries()) {
    if (!is_empty(value)) tree.set(key, value);
  }
  return tree;
}

State CheckpointTree::loops() const {
  State loops = State::map();
  loops["fit_loop"] = core_.progress.state();
  const auto evaluation = [](const EvaluationLoop& loop) {
    return State::map({{"state_dict", State::map()},
                       {"batch_progress", loop.progress().state()}});
  };
  loops["validate_loop"] = evaluation(*core_.validate_loop);
  loops["test_loop"] = evaluation(*core_.test_loop);
  loops["predict_loop"] = State::map(
      {{"state_dict", State::map()},
       {"batch_progress", Progress{{}, {}, CountKinds::kAll}.state()}});
  return loops;
}

State CheckpointTree::callback_states() const {
  State all = State::map();
  for (const auto& callback : core_.callbacks) {
    State state = callback->state();
    if (!is_empty(state)) all[callback->state_key()] = std::move(state);
  }
  return all;
}

State CheckpointTree::own(const std::vector<std::string>& requeue_files) const {
  State own = State::map();
  own["version"] = kOwnVersion;
  own["fit"] = core_.fit_loop->state();
  State loggers = State::list();
  for (const auto& held : core_.log.loggers) {
    const Logger& logger = *held;
    loggers.push_back(State::map(
        {{"class", type_name(typeid(logger))}, {"state", logger.state()}}));
  }
  own["loggers"] = std::move(loggers);
  State files = State::list();
  for (const std::string& file : requeue_files) files.push_back(file);
  own["requeue_files"] = std::move(files);
  return own;
}

}  // namespace bolt::detail
