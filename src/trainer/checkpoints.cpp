#include "trainer/checkpoints.h"

#include <torch/optim/optimizer.h>
#include <torchbolt/checkpoint/checkpoint_io.h>
#include <torchbolt/checkpoint/state_dict.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/log.h>
#include <torchbolt/optim/optimizer_state.h>
#include <torchbolt/trainer/checkpoint_callback.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/attempts.h"
#include "trainer/checkpoint_search.h"
#include "trainer/checks.h"
#include "trainer/core.h"
#include "trainer/evaluation_loop.h"
#include "trainer/fit_loop.h"

namespace bolt::detail {
namespace {

namespace fs = std::filesystem;

constexpr const char* kOwnKey = "torchbolt";
constexpr int64_t kOwnVersion = 1;
// The version whose layout the files have.
constexpr const char* kLightning = "2.6.6";

bool is_empty(const State& state) {
  return state.is_none() || (state.is_map() && state.size() == 0);
}

std::string data_key(const LightningDataModule& data) {
  return type_name(typeid(data));
}

void set_hparams(State& tree, const std::string& prefix, const State& hparams) {
  if (is_empty(hparams)) return;
  tree[prefix + "hparams_name"] = "kwargs";
  tree[prefix + "hyper_parameters"] = hparams;
}

}  // namespace

// -- saving ------------------------------------------------------------------

State Checkpoints::tree(bool weights_only) {
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
  if (core_.data != nullptr) {
    set_hparams(tree, "datamodule_", core_.data->hparams());
    State state = core_.data->state();
    if (!is_empty(state)) tree[data_key(*core_.data)] = std::move(state);
  }
  const HookScope scope(module, Hook::kOnSaveCheckpoint);
  if (!weights_only) {
    for (const auto& callback : core_.callbacks) {
      callback->on_save_checkpoint(core_.trainer, module, tree);
    }
  }
  module.on_save_checkpoint(tree);
  return tree;
}

State Checkpoints::optimization() const {
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

State Checkpoints::loops() const {
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

State Checkpoints::callback_states() const {
  State all = State::map();
  for (const auto& callback : core_.callbacks) {
    State state = callback->state();
    if (!is_empty(state)) all[callback->state_key()] = std::move(state);
  }
  return all;
}

State Checkpoints::own_state() const {
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
  for (const std::string& file : requeue_files_) files.push_back(file);
  own["requeue_files"] = std::move(files);
  return own;
}

void Checkpoints::save(const fs::path& path, bool weights_only) {
  State now = tree(weights_only);
  if (!weights_only) now[kOwnKey] = own_state();
  write(path, now);
}

void Checkpoints::save_after_hook(const Callback& who, const fs::path& path,
                                  bool weights_only,
                                  std::function<void()> then) {
  std::size_t at = 0;
  while (at < core_.callbacks.size() && core_.callbacks[at].get() != &who) ++at;
  waiting_.push_back({.path = path,
                      .tree = tree(weights_only),
                      .weights_only = weights_only,
                      .callback = at,
                      .then = std::move(then)});
  write_outside_of_hooks();
}

void Checkpoints::after_hook(std::function<void()> then) {
  waiting_.push_back({.then = std::move(then)});
  write_outside_of_hooks();
}

// There nothing comes that they could wait for.
void Checkpoints::write_outside_of_hooks() {
  if (TrainerAccess::hook(*core_.module) == Hook::kNone) write_waiting(true);
}

bool Checkpoints::exists(const fs::path& path) const {
  std::error_code error;
  return fs::exists(path, error) || handed_over_.contains(path) ||
         std::ranges::any_of(
             waiting_, [&](const Waiting& one) { return one.path == path; });
}

// One that can't be written doesn't keep the others from it.
void Checkpoints::write_waiting(bool ended_well) {
  std::vector<Waiting> waiting = std::exchange(waiting_, {});
  Attempts attempts;
  bool all_written = true;
  for (Waiting& one : waiting) {
    attempts.make([&] {
      if (!one.path.empty()) {
        complete(one);
        if (!try_write(one.path, one.tree)) {
          all_written = false;
          return;
        }
      }
      if (one.then && ended_well) one.then();
    });
  }
  if (!all_written) attempts.make([&] { forget_missing_files(); });
  attempts.rethrow();
}

// What the rest of the hook may have changed.
void Checkpoints::complete(Waiting& one) {
  if (one.weights_only) return;
  // Those behind it had the hook after the tree was made.
  for (std::size_t k = one.callback + 1; k < core_.callbacks.size(); ++k) {
    State state = core_.callbacks[k]->state();
    if (is_empty(state)) continue;
    one.tree["callbacks"][core_.callbacks[k]->state_key()] = std::move(state);
  }
  // What an on_save_checkpoint took out stays out.
  const State now = optimization();
  for (const auto& [key, value] : now.entries()) {
    if (one.tree.find(key) != nullptr) one.tree.set(key, value);
  }
  one.tree[kOwnKey] = own_state();
}

void Checkpoints::write(const fs::path& path, const State& tree) {
  if (!core_.fabric.is_global_zero()) return;
  for (const auto& logger : core_.log.loggers) logger->flush();
  io_->save_checkpoint(tree, path);
  handed_over_.insert(path);
}

void Checkpoints::say_unwritten(const std::exception& error) {
  log_message(
      LogLevel::kError,
      std::string("[Trainer] a checkpoint can't be written: ") + error.what());
}

// Whether `call` did what it should; what it throws is only said when training
// is to go on all the same.
template <class Call>
bool Checkpoints::go_on_after(Call&& call) {
  try {
    call();
    return true;
  } catch (const std::exception& error) {
    if (core_.options.stop_on_checkpoint_error) throw;
    say_unwritten(error);
  }
  return false;
}

bool Checkpoints::try_write(const fs::path& path, const State& tree) {
  const bool none_failed = go_on_after([&] { io_->check(); });
  return go_on_after([&] { write(path, tree); }) && none_failed;
}

void Checkpoints::check_background() {
  if (!go_on_after([&] { io_->check(); })) forget_missing_files();
}

void Checkpoints::forget_missing_files() {
  // Those that are being written are there then.
  go_on_after([&] { io_->teardown(); });
  handed_over_.clear();
  for (const auto& callback : core_.callbacks) {
    auto* const writer = dynamic_cast<CheckpointCallback*>(callback.get());
    if (writer != nullptr) writer->forget_missing_files(core_.trainer);
  }
}

fs::path Checkpoints::save_for_requeue() {
  // What failed before is no reason.
  try {
    io_->teardown();
  } catch (const std::exception& error) {
    say_unwritten(error);
  }
  const fs::path path = claim_hpc_checkpoint(core_.trainer.default_root_dir());
  requeue_files_.push_back(path.filename());
  try {
    save(path, false);
    io_->teardown();
  } catch (...) {
    // Not an empty file in place of none.
    std::error_code ignored;
    if (fs::file_size(path, ignored) == 0) fs::remove(path, ignored);
    throw;
  }
  return path;
}

void Checkpoints::remove_requeue_files() {
  if (requeue_files_.empty()) return;
  for (const std::string& name : std::exchange(requeue_files_, {})) {
    remove(core_.trainer.default_root_dir() / name);
  }
  finish();
}

void Checkpoints::remove(const fs::path& path) {
  if (!core_.fabric.is_global_zero()) return;
  go_on_after([&] { io_->remove_checkpoint(path); });
  handed_over_.erase(path);
}

void Checkpoints::finish() {
  if (handed_over_.empty()) {
    io_->teardown();
  } else if (!go_on_after([&] { io_->teardown(); })) {
    forget_missing_files();
  }
  handed_over_.clear();
}

// -- loading -----------------------------------------------------------------

void Checkpoints::open(const std::optional<std::string>& ckpt_path,
                       bool module_given) {
  close();
  read(find_checkpoints(core_, ckpt_path, module_given));
  const State* own = problem_ ? nullptr : own_part();
  const State* files = own != nullptr ? own->find("requeue_files") : nullptr;
  if (files == nullptr) return;
  take_back("the files of interrupted runs", [&] {
    for (const State& file : files->items()) {
      // A stranger's file names nothing else that is to be removed.
      const std::string& name = file.as_string();
      if (is_hpc_checkpoint(name)) requeue_files_.push_back(name);
    }
  });
}

// Whether the file has what the run needs.
void Checkpoints::check_use(const fs::path& file) const {
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
void Checkpoints::read(const std::vector<fs::path>& files) {
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

const State* Checkpoints::own_part() const {
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

const State* Checkpoints::logger_states() const {
  const State* own = own_part();
  return own != nullptr ? &own->at("loggers") : nullptr;
}

void Checkpoints::restore_model() {
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

void Checkpoints::refuse(std::string_view what, std::string why) const {
  throw CheckpointError({.where = path_->string(),
                         .what = std::string(what) + " can't be taken back",
                         .got = std::move(why)});
}

void Checkpoints::restore_callbacks() {
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
void Checkpoints::restore_training() {
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

void Checkpoints::restore_evaluation() {
  const State& loops = loaded_.at("loops");
  if (*core_.function == Stage::kValidate) {
    core_.validate_loop->progress().load_state(
        loops.at("validate_loop").at("batch_progress"));
  } else if (*core_.function == Stage::kTest) {
    core_.test_loop->progress().load_state(
        loops.at("test_loop").at("batch_progress"));
  }
}

void Checkpoints::check_epoch() const {
  const int64_t epoch = core_.progress.epochs.current.completed;
  if (core_.max_epochs == -1 || epoch <= core_.max_epochs) return;
  throw ConfigError(
      {.where = "Trainer.fit",
       .what = "the checkpoint is of a later epoch than max_epochs",
       .got = "epoch " + std::to_string(epoch) +
              ", max_epochs=" + std::to_string(core_.max_epochs),
       .tip = "set max_epochs higher"});
}

void Checkpoints::restore_optimizers() {
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

void Checkpoints::close() {
  path_.reset();
  loaded_ = {};
  problem_ = nullptr;
  waiting_.clear();
  requeue_files_.clear();
}

}  // namespace bolt::detail
