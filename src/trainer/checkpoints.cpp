#include "trainer/checkpoints.h"

#include <torchbolt/checkpoint/checkpoint_io.h>
#include <torchbolt/core/log.h>
#include <torchbolt/trainer/checkpoint_callback.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "core/attempts.h"
#include "trainer/checkpoint_search.h"
#include "trainer/core.h"

namespace bolt::detail {

namespace fs = std::filesystem;

void Checkpoints::open(std::vector<std::string> requeue_files) {
  waiting_.clear();
  requeue_files_ = std::move(requeue_files);
}

void Checkpoints::save(const fs::path& path, bool weights_only) {
  State now = tree_.all(weights_only);
  if (!weights_only) now[kOwnKey] = tree_.own(requeue_files_);
  write(path, now);
}

void Checkpoints::save_after_hook(const Callback& who, const fs::path& path,
                                  bool weights_only,
                                  std::function<void()> then) {
  std::size_t at = 0;
  while (at < core_.callbacks.size() && core_.callbacks[at].get() != &who) ++at;
  waiting_.push_back({.path = path,
                      .tree = tree_.all(weights_only),
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
  const State now = tree_.optimization();
  for (const auto& [key, value] : now.entries()) {
    if (one.tree.find(key) != nullptr) one.tree.set(key, value);
  }
  one.tree[kOwnKey] = tree_.own(requeue_files_);
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

void Checkpoints::check_folder(const fs::path& folder) {
  const bool saves =
      core_.function == Stage::kFit && !core_.options.fast_dev_run;
  if (!saves || !core_.fabric.is_global_zero()) return;
  go_on_after([&] { io_->check_folder(folder); });
}

bool Checkpoints::link(const fs::path& target, const fs::path& link) {
  if (!core_.fabric.is_global_zero()) return true;
  if (!go_on_after([&] { io_->link_checkpoint(target, link); })) return false;
  handed_over_.insert(link);
  return true;
}

void Checkpoints::finish() {
  if (handed_over_.empty()) {
    io_->teardown();
  } else if (!go_on_after([&] { io_->teardown(); })) {
    forget_missing_files();
  }
  handed_over_.clear();
}

}  // namespace bolt::detail
