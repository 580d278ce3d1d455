#include "loggers/wandb/run_dir.h"

#include <torchbolt/core/files.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <ctime>
#include <string_view>
#include <system_error>

#include "core/byte_source.h"
#include "core/file_error.h"
#include "loggers/wandb/log_reader.h"

namespace bolt::detail::wandb {
namespace {

constexpr std::string_view kOffline = "offline-";
constexpr std::string_view kRun = "run-";
constexpr std::string_view kTime = "YYYYmmdd_HHMMSS-";

std::string time_text(Time time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  std::string text(kTime.size(), '\0');
  text.resize(
      std::strftime(text.data(), text.size() + 1, "%Y%m%d_%H%M%S-", &parts));
  return text;
}

// The run whose folder has that name.
std::optional<RunDir> run_in(const std::filesystem::path& folder) {
  const std::string name = folder.filename().string();
  std::string_view rest = name;
  if (rest.starts_with(kOffline)) rest.remove_prefix(kOffline.size());
  if (!rest.starts_with(kRun)) return {};
  rest.remove_prefix(kRun.size());
  if (rest.size() <= kTime.size()) return {};
  const std::string_view time = rest.substr(0, kTime.size());
  for (std::size_t k = 0; k < kTime.size(); ++k) {
    const bool letter = std::isalpha(static_cast<unsigned char>(kTime[k])) != 0;
    if (letter ? std::isdigit(static_cast<unsigned char>(time[k])) == 0
               : time[k] != kTime[k]) {
      return {};
    }
  }
  return RunDir{.path = folder, .id = std::string(rest.substr(kTime.size()))};
}

// A link is replaced in one piece; whoever looks finds one of the two.
void point_latest_to(const std::filesystem::path& folder) {
  const auto dir = folder.parent_path();
  const auto link = dir / (".latest-run-" + std::to_string(::getpid()));
  std::error_code ignored;
  std::filesystem::remove(link, ignored);
  // Some file systems have no links, and nobody needs this one.
  std::filesystem::create_directory_symlink(folder.filename(), link, ignored);
  if (!ignored) std::filesystem::rename(link, dir / "latest-run", ignored);
}

}  // namespace

bool RunDir::was_sent() const {
  std::error_code error;
  return was_sent_whole() ||
         std::filesystem::exists(log().string() + ".syncstate", error);
}

bool RunDir::was_sent_whole() const {
  std::error_code error;
  return std::filesystem::exists(log().string() + ".synced", error);
}

std::filesystem::path wandb_dir(const std::filesystem::path& dir) {
  std::error_code error;
  const bool hidden = std::filesystem::exists(dir / ".wandb", error);
  return dir / (hidden ? ".wandb" : "wandb");
}

RunDir make_run_dir(const std::filesystem::path& dir, const std::string& id,
                    bool offline, Time now) {
  const auto root = std::filesystem::absolute(wandb_dir(dir));
  make_directories(root);
  RunDir run{.id = id};
  for (;; now += std::chrono::seconds(1)) {
    run.path =
        root / ((offline ? "offline-run-" : "run-") + time_text(now) + id);
    std::error_code error;
    if (std::filesystem::create_directory(run.path, error)) break;
    if (error)
      fail_with("can't make the run's folder", run.path, error.value());
  }
  // The tool writes into them when it sends the run, and does not make them.
  make_directories(run.files());
  make_directories(run.logs());
  point_latest_to(run.path);
  return run;
}

std::vector<RunDir> runs_of(const std::filesystem::path& dir,
                            const std::string& id) {
  std::vector<RunDir> found;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(wandb_dir(dir), error)) {
    auto run = run_in(std::filesystem::absolute(entry.path()));
    if (run && run->id == id && std::filesystem::exists(run->log(), error)) {
      found.push_back(std::move(*run));
    }
  }
  // By their time, wherever they were made.
  std::ranges::sort(found, {}, [](const RunDir& run) {
    std::string name = run.path.filename().string();
    return name.starts_with(kOffline) ? name.substr(kOffline.size()) : name;
  });
  return found;
}

std::optional<RunDir> latest_run(const std::filesystem::path& dir) {
  std::error_code error;
  const auto folder =
      std::filesystem::canonical(wandb_dir(dir) / "latest-run", error);
  if (error) return {};
  return run_in(folder);
}

LogEnd read_log(const std::filesystem::path& log,
                std::optional<int64_t> before) {
  const InputFile file("WandbLogger", log);
  LogReader reader(file);
  LogEnd end{.size = reader.end()};
  for (std::string record; reader.next(record);) {
    if (is_exit(record)) {
      end.finished = true;
      break;
    }
    if (const auto step = history_step(record)) {
      if (before && *step >= *before) break;
      end.last_step = std::max(end.last_step, *step);
    }
    end.size = reader.end();
    ++end.records;
  }
  return end;
}

}  // namespace bolt::detail::wandb
