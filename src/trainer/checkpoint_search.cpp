#include "trainer/checkpoint_search.h"

#include <fcntl.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>
#include <torchbolt/core/log.h>
#include <torchbolt/trainer/checkpoint_callback.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <functional>
#include <iterator>
#include <string_view>
#include <system_error>
#include <utility>

#include "distributed/slurm.h"
#include "trainer/core.h"

namespace bolt::detail {
namespace {

namespace fs = std::filesystem;
using Writers = std::vector<const CheckpointCallback*>;

ConfigError no_file(const std::string& ckpt_path, std::string what,
                    std::string tip) {
  return ConfigError({.where = "ckpt_path",
                      .what = std::move(what),
                      .got = "\"" + ckpt_path + "\"",
                      .tip = std::move(tip)});
}

// The number of hpc_ckpt_<n>.ckpt; -1 for another name.
int64_t hpc_number(const std::string& name) {
  constexpr std::string_view kBegin = "hpc_ckpt_", kEnd = ".ckpt";
  if (!name.starts_with(kBegin) || !name.ends_with(kEnd)) return -1;
  const char* const end = name.data() + name.size() - kEnd.size();
  int64_t number = 0;
  const auto read = std::from_chars(name.data() + kBegin.size(), end, number);
  return read.ec == std::errc() && read.ptr == end ? number : -1;
}

Writers writers_of(const TrainerCore& core) {
  Writers all;
  for (const auto& callback : core.callbacks) {
    const auto* one = dynamic_cast<const CheckpointCallback*>(callback.get());
    if (one != nullptr) all.push_back(one);
  }
  return all;
}

// The first one's, as in Lightning; what is written for exceptions alone has no
// best.
fs::path best_of(const Writers& writers) {
  const auto first =
      std::ranges::find_if_not(writers, &CheckpointCallback::resumes_by_itself);
  return first == writers.end() ? fs::path() : (*first)->best_model_path();
}

fs::path find_best(const TrainerCore& core, const Writers& writers) {
  const std::string which = "best";
  if (writers.empty()) {
    throw no_file(which, "no callback of the Trainer writes checkpoints",
                  "add a ModelCheckpoint, or give a path");
  }
  if (writers.size() > 1) {
    log_warning(
        "[Trainer] several callbacks write checkpoints; \"best\" is the "
        "first one's");
  }
  if (core.trainer.fast_dev_run()) {
    throw no_file(which, "a fast_dev_run writes no checkpoints", "give a path");
  }
  fs::path best = best_of(writers);
  if (!best.empty()) return best;
  throw no_file(which,
                writers.size() > 1
                    ? "the first callback that writes checkpoints has no best"
                    : "no checkpoint has been written yet",
                "fit first, or give a path");
}

// The highest number first. An empty one is a name that was taken, by a run
// that had no time to write more.
std::vector<fs::path> hpc_files(const fs::path& folder) {
  std::vector<std::pair<int64_t, fs::path>> numbered;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const int64_t number = hpc_number(entry.path().filename());
    std::error_code ignored;
    if (number < 0 || entry.file_size(ignored) == 0) continue;
    numbered.emplace_back(number, entry.path());
  }
  std::ranges::sort(numbered, std::ranges::greater());
  std::vector<fs::path> files;
  for (auto& [number, file] : numbered) files.push_back(std::move(file));
  return files;
}

// Those that are there and aren't among `all`, the newest first.
void append_by_age(std::vector<fs::path> files, std::vector<fs::path>& all) {
  std::vector<std::pair<fs::file_time_type, fs::path>> dated;
  for (fs::path& file : files) {
    std::error_code error;
    const auto written = fs::last_write_time(file, error);
    if (!error) dated.emplace_back(written, std::move(file));
  }
  std::ranges::sort(dated, std::ranges::greater());
  for (auto& [written, file] : dated) {
    if (std::ranges::find(all, file) != all.end()) continue;
    all.push_back(std::move(file));
  }
}

// Behind them, should none be whole, what the callbacks have written.
std::vector<fs::path> find_hpc(const TrainerCore& core,
                               const Writers& writers) {
  const fs::path folder = core.trainer.default_root_dir();
  std::vector<fs::path> files = hpc_files(folder), others;
  if (files.empty()) {
    throw no_file("hpc", "there is no hpc_ckpt_<n>.ckpt in " + folder.string(),
                  "give a path");
  }
  for (const CheckpointCallback* one : writers) {
    std::ranges::move(one->last_model_candidates(core.trainer),
                      std::back_inserter(others));
    std::ranges::move(one->other_model_candidates(core.trainer),
                      std::back_inserter(others));
  }
  append_by_age(std::move(others), files);
  return files;
}

// Those that are meant to be the last; behind them, should none of these be
// whole, all others of the callbacks' folders.
std::vector<fs::path> find_last(const TrainerCore& core,
                                const Writers& writers) {
  std::vector<fs::path> last = hpc_files(core.trainer.default_root_dir());
  std::vector<fs::path> others, all;
  for (const CheckpointCallback* one : writers) {
    std::ranges::move(one->last_model_candidates(core.trainer),
                      std::back_inserter(last));
    std::ranges::move(one->other_model_candidates(core.trainer),
                      std::back_inserter(others));
  }
  // A link to a file that could not be written counts as a damaged one.
  const bool any = std::ranges::any_of(last, [](const fs::path& file) {
    std::error_code error;
    return fs::is_symlink(fs::symlink_status(file, error));
  });
  append_by_age(std::move(last), all);
  if (all.empty() && !any) {
    // Then the others are other runs'.
    log_warning(
        "[Trainer] ckpt_path = \"last\", and there is no such checkpoint; "
        "nothing is loaded");
    return all;
  }
  append_by_age(std::move(others), all);
  return all;
}

// What is meant where no ckpt_path is given.
std::optional<std::string> implied(const TrainerCore& core,
                                   const Writers& writers, bool module_given) {
  if (core.function != Stage::kFit) {
    if (module_given || best_of(writers).empty()) return std::nullopt;
    log_warning(
        "[Trainer] neither a module nor a ckpt_path was given: the best "
        "checkpoint of the run before is used");
    return "best";
  }
  if (core.options.preemption.auto_requeue && slurm_job() &&
      !hpc_files(core.trainer.default_root_dir()).empty()) {
    log_info(
        "[Trainer.fit] no ckpt_path was given, and this is a SLURM job: the "
        "fit goes on from the newest hpc_ckpt_<n>.ckpt");
    return "hpc";
  }
  if (std::ranges::none_of(writers, &CheckpointCallback::resumes_by_itself)) {
    return std::nullopt;
  }
  log_warning(
      "[Trainer.fit] no ckpt_path was given, and an OnExceptionCheckpoint is "
      "among the callbacks: the fit goes on from its file, if it is there");
  return "last";
}

}  // namespace

std::vector<fs::path> find_checkpoints(const TrainerCore& core,
                                       std::optional<std::string> ckpt_path,
                                       bool module_given) {
  const Writers writers = writers_of(core);
  if (!ckpt_path) ckpt_path = implied(core, writers, module_given);
  if (!ckpt_path) return {};
  if (ckpt_path->empty()) {
    throw no_file("", "it is empty", "leave it out, or give a path");
  }
  if (*ckpt_path == "best") return {find_best(core, writers)};
  if (*ckpt_path == "last") return find_last(core, writers);
  if (*ckpt_path == "hpc") return find_hpc(core, writers);
  return {expand_user(*ckpt_path)};
}

bool is_hpc_checkpoint(const std::string& name) {
  return hpc_number(name) >= 0;
}

fs::path claim_hpc_checkpoint(const fs::path& folder) {
  std::error_code ignored;
  fs::create_directories(folder, ignored);
  const std::vector<fs::path> files = hpc_files(folder);
  int64_t number = files.empty() ? 0 : hpc_number(files.front().filename());
  while (true) {
    fs::path path = folder / ("hpc_ckpt_" + std::to_string(++number) + ".ckpt");
    const int fd = ::open(path.c_str(), O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0) {
      ::close(fd);
      return path;
    }
    if (errno == EEXIST) continue;
    throw CheckpointError({.where = path.string(),
                           .what = "the file can't be made",
                           .got = std::strerror(errno)});
  }
}

}  // namespace bolt::detail
