#include "trainer/checkpoint_restorer.h"

#include <torch/optim/optimizer.h>
#include <torchbolt/checkpoint/checkpoint_io.h>
#include <torchbolt/checkpoint/state_dict.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/log.h>
#include <torchbolt/optim/optimizer_state.h>

#include <cstdint>
#include <set>
#include <utility>
#include <variant>

#include "trainer/checkpoint_search.h"
#include "trainer/checkpoint_tree.h"
#include "trainer/checks.h"
#include "trainer/core.h"
#include "trainer/evaluation_loop.h"
#include "trainer/fit_loop.h"

namespace bolt::detail {

namespace fs = std::filesystem;

void CheckpointRestorer::open(const std::optional<std::string>& ckpt_path,
                              bool module_given) {
  close();
  read(find_checkpoints(core_, ckpt_path, module_given));
}

std::vector<std::string> CheckpointRestorer::requeue_files() const {
  std::vector<std::string> names;
  const State* own = problem_ ? nullptr : own_part();
  const State* files = own != nullptr ? own->find("requeue_files") : nullptr;
  if (files == nullptr) return names;
  take_back("the files of interrupted runs", [&] {
    for (const State& file : files->items()) {
      // A stranger's file names nothing else that is to be removed.
      const std::string& name = file.as_string();
      if (is_hpc_checkpoint(name)) names.push_back(name);
    }
  });
  return names;
}

// Whether the file has what the run needs.
void CheckpointRestorer::check_use(const fs::path& file) const {
  const bool trains = core_.function == Stage::kFit;
  for (const char* key :
       {"state_dict", "loops", "optimizer_states", "lr_schedulers"}) {
    if (loaded_.is_map() && loaded_.contains(key)) continue;
    if (!trains && std::string_view(key) != "state_dict") continue;
    throw CheckpointError(
        {.where = file.string(),
         .what = std::string("the checkpoint has no \"") + key + "\"" +
                 (trains ? ", so that training can't go on from it" : ""),
         .tip = "load its weights with bolt::load_from_checkpoint, and fit "
                "without ckpt_path"});
  }
}

// The first one that is whole.
void CheckpointRestorer::read(const std::vector<fs::path>& files) {
  for (const fs::path& file : files) {
    const fs::path before = std::exchange(path_, file).value_or(fs::path());
    try {
      loaded_ = io_->load_checkpoint(file);
      own_part();  // is it of a version that is known?
      check_use(file);
      if (problem_) {
        log_message(LogLevel::kError, "[Trainer] " + before.string() +
                                          " can't be read; the run goes on "
                                          "from " +
                                          file.string());
      }
      problem_ = nullptr;
      return;
    } catch (const std::exception& error) {
      if (files.size() > 1) {
        log_message(LogLevel::kError, std::string("[Trainer] ") + error.what());
      }
      if (!problem_) problem_ = std::current_exception();
    }
  }
}

const State* CheckpointRestorer::own_part() const {
  const State* own = loaded_.is_map() ? loaded_.find(kOwnKey) : nullptr;
  if (own == nullptr) return nullptr;
  int64_t version = 0;
  take_back("torchbolt's own part",
            [&] { version = own->at("version").as_int(); });
  if (version > kOwnVersion) {
    throw CheckpointError(
        {.where = path_->string(),
         .what = "a newer version of torchbolt wrote this checkpoint",
         .got = "version " + std::to_string(version),
         .expected = "at most " + std::to_string(kOwnVersion)});
  }
  return own;
}

const State* CheckpointRestorer::logger_states() const {
  const State* own = own_part();
  const State* states = nullptr;
  if (own != nullptr) {
    take_back("the loggers' state", [&] { states = &own->at("loggers"); });
  }
  return states;
}

void CheckpointRestorer::restore_model() {
  if (!path_) return;
  if (problem_) std::rethrow_exception(problem_);
  Module& module = *core_.module;
  const HookScope scope(module, Hook::kOnLoadCheckpoint);
  module.on_load_checkpoint(loaded_);
  // Not rounded to the type that the module was made with.
  if (PrecisionPlugin* const precision = core_.fabric.precision_plugin()) {
    precision->convert_module(module);
  }
  StateDictDifference difference;
  take_back("the weights", [&] {
    difference = load_state_dict(module, loaded_.at("state_dict"),
                                 module.strict_loading);
  });
  warn_of_difference(*path_, difference);
  if (core_.data != nullptr) {
    if (const State* state = loaded_.find(data_key(*core_.data))) {
      take_back("the data module's state",
                [&] { core_.data->load_state(*state); });
    }
  }
  restore_callbacks();
  take_back("the precision's state", [&] { core_.fabric.load_state(loaded_); });
}

void CheckpointRestorer::refuse(std::string_view what, std::string why) const {
  throw CheckpointError({.where = path_->string(),
                         .what = std::string(what) + " can't be taken back",
                         .got = std::move(why)});
}

void CheckpointRestorer::restore_callbacks() {
  const State* states = loaded_.find("callbacks");
  if (states == nullptr) return;
  std::set<std::string> left;
  take_back("the callbacks' state", [&] {
    for (const auto& [key, value] : states->entries()) {
      if (const auto* name = std::get_if<std::string>(&key)) left.insert(*name);
    }
  });
  for (const auto& callback : core_.callbacks) {
    callback->on_load_checkpoint(core_.trainer, *core_.module, loaded_);
  }
  for (const auto& callback : core_.callbacks) {
    const std::string key = callback->state_key();
    const State* state = states->find(std::string_view(key));
    if (state == nullptr) continue;
    take_back("the state of callback " + key,
              [&] { callback->load_state(state->clone()); });
    left.erase(key);
  }
  for (const std::string& key : left) {
    log_warning("[Trainer] " + path_->string() + " has state of a callback " +
                key + ", and the Trainer has none of that name");
  }
}

// All counters, or none.
void CheckpointRestorer::restore_training() {
  if (!path_) return;
  if (*core_.function != Stage::kFit) {
    take_back("the loop's counters", [&] { restore_evaluation(); });
    return;
  }
  const FitProgress before = core_.progress;
  try {
    take_back("the fit's counters", [&] {
      core_.progress.load_state(loaded_.at("loops").at("fit_loop"));
    });
    restore_optimizers();
    check_epoch();
    take_back("the fit's place", [&] { core_.fit_loop->resume(own_part()); });
  } catch (...) {
    core_.progress = before;
    throw;
  }
}

void CheckpointRestorer::restore_evaluation() {
  const State& loops = loaded_.at("loops");
  if (*core_.function == Stage::kValidate) {
    core_.validate_loop->progress().load_state(
        loops.at("validate_loop").at("batch_progress"));
  } else if (*core_.function == Stage::kTest) {
    core_.test_loop->progress().load_state(
        loops.at("test_loop").at("batch_progress"));
  }
}

void CheckpointRestorer::check_epoch() const {
  const int64_t epoch = core_.progress.epochs.current.completed;
  if (core_.max_epochs == -1 || epoch <= core_.max_epochs) return;
  throw ConfigError(
      {.where = "Trainer.fit",
       .what = "the checkpoint is of a later epoch than max_epochs",
       .got = "epoch " + std::to_string(epoch) +
              ", max_epochs=" + std::to_string(core_.max_epochs),
       .tip = "set max_epochs higher"});
}

void CheckpointRestorer::restore_optimizers() {
  std::vector<State> states, schedules;
  take_back("the optimizers' state", [&] {
    states = loaded_.at("optimizer_states").items();
    schedules = loaded_.at("lr_schedulers").items();
  });
  const auto check = [&](const char* what, std::size_t saved,
                         std::size_t here) {
    if (saved == here) return;
    throw CheckpointError(
        {.where = path_->string(),
         .what = std::string("the checkpoint has another number of ") + what,
         .got = std::to_string(saved),
         .expected = std::to_string(here)});
  };
  check("optimizers", states.size(), core_.optimizers.size());
  check("schedules", schedules.size(), core_.schedulers.size());
  for (std::size_t k = 0; k < core_.optimizers.size(); ++k) {
    take_back("the state of optimizer " + std::to_string(k), [&] {
      optim::load_optimizer_state(*core_.optimizers[k], states[k]);
    });
  }
  for (std::size_t k = 0; k < core_.schedulers.size(); ++k) {
    const State& state = schedules[k];
    LRScheduler& scheduler = *core_.schedulers[k].scheduler;
    if (!scheduler.has_state() || is_empty(state)) continue;
    take_back("the state of schedule " + std::to_string(k),
              [&] { scheduler.load_state(state); });
  }
}

void CheckpointRestorer::close() {
  path_.reset();
  loaded_ = {};
  problem_ = nullptr;
}

}  // namespace bolt::detail
