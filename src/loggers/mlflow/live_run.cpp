#include "loggers/mlflow/live_run.h"

#include <torchbolt/core/error.h>
#include <torchbolt/core/log.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <system_error>
#include <utility>

#include "core/environment.h"
#include "core/file_error.h"
#include "core/longest_wait.h"
#include "distributed/rank_zero.h"
#include "loggers/run_source.h"
#include "loggers/yaml.h"

namespace bolt::detail {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kMoment{2000};

std::string experiment_of(const MLflowLoggerOptions& options) {
  if (!options.experiment_name.value_or("").empty()) {
    return *options.experiment_name;
  }
  const std::string named = environment("MLFLOW_EXPERIMENT_NAME");
  return named.empty() ? "lightning_logs" : named;
}

// A name as one folder.
std::string folder_name(std::string name) {
  std::ranges::replace(name, '/', '_');
  return name == "." || name == ".." ? "_" : name;
}

void need_readable(const fs::path& file) {
  std::error_code error;
  if (!fs::is_regular_file(file, error)) {
    throw Error({.where = file.string(),
                 .what = "can't keep it as an artifact",
                 .got = error ? error.message() : "it is no file"});
  }
  if (::access(file.c_str(), R_OK) != 0) {
    fail_with("can't read the artifact", file, errno);
  }
}

int64_t ms_now() { return std::llround(wall_time_now() * 1000); }

}  // namespace

MlflowLiveRun::MlflowLiveRun(const MLflowLoggerOptions& options)
    : options_(options),
      of_rank_zero_(is_rank_zero()),
      experiment_(experiment_of(options)),
      folder_(options.save_dir, folder_name(experiment_), options.version) {
  const std::string uri =
      options.tracking_uri.value_or(environment("MLFLOW_TRACKING_URI"));
  if (!uri.empty()) server_ = mlflow_server(uri);
}

MlflowLiveRun::~MlflowLiveRun() {
  if (forked_off()) {
    // The threads aren't there, and what they hold may be locked.
    new std::shared_ptr<MlflowWriter>(std::move(writer_));
    queue_.release();
    return;
  }
  try {
    close(false, std::chrono::milliseconds(0));
  } catch (const std::exception& error) {
    log_warning(std::string("[MLflowLogger] ") + error.what());
  }
}

// -- opening and closing -----------------------------------------------------

bool MlflowLiveRun::forked_off() const {
  return writer_ != nullptr && process_ != ::getpid();
}

void MlflowLiveRun::open() {
  if (!writes()) return;
  if (writer_ == nullptr) {
    if (!std::exchange(claimed_, true)) folder_.claim();
    open_journal();
  }
  begin();
}

void MlflowLiveRun::open_journal() {
  writer_ = std::make_shared<MlflowWriter>(
      folder_.path(), options_.prefix,
      [once = once_](const std::string& text) { once->warning(text); },
      server_);
  queue_ = std::make_unique<LogQueue>(
      writer_,
      LogQueueOptions{.who = "MLflowLogger", .strict = options_.strict});
  begun_ = false;
  process_ = ::getpid();
  const std::string bytes = writer_->journal.read(0, 2 * kMostJournalLine);
  std::string_view rest = bytes;
  const auto line = take_line(rest);
  const auto run = line ? read_run(*line) : std::nullopt;
  key_ = run ? run->key : random_name();
}

void MlflowLiveRun::begin() {
  if (std::exchange(begun_, true)) return;
  if (const auto offset = std::exchange(rewind_to_, std::nullopt)) {
    post([offset = *offset](MlflowWriter& writer) { writer.rewind(offset); });
  }
  if (writer_->journal.size() == 0) {
    post([run = description(),
          tags = MlflowPairs(options_.tags.begin(), options_.tags.end()),
          now = ms_now()](MlflowWriter& writer) {
      writer.records.run(run);
      if (run.run_id.empty()) return;
      // One that is there already: what a new one would begin with.
      writer.records.tags(tags);
      writer.records.status({"RUNNING", now});
    });
  } else {
    post([now = ms_now()](MlflowWriter& writer) {
      writer.records.status({"RUNNING", now});
    });
  }
}

MlflowRun MlflowLiveRun::description() const {
  MlflowRun run{
      .key = key_,
      .server = server_ ? server_->text() : "",
      .experiment = experiment_,
      .artifact_location = options_.artifact_location.value_or(""),
      .name = options_.run_name.value_or(""),
      .run_id = options_.run_id.value_or(environment("MLFLOW_RUN_ID")),
      .user = user_name(),
      .start_ms = ms_now()};
  std::map<std::string, std::string> tags{
      {"mlflow.user", run.user},
      {"mlflow.source.name", program_path()},
      {"mlflow.source.type", "LOCAL"},
      {"mlflow.source.git.commit", git_source(".").commit}};
  for (const auto& [name, value] : options_.tags) tags[name] = value;
  if (options_.run_name) tags.erase("mlflow.runName");
  if (options_.parent_run_id) {
    tags["mlflow.parentRunId"] = *options_.parent_run_id;
  }
  for (const auto& [name, value] : tags) {
    if (!value.empty()) run.tags.emplace_back(name, value);
  }
  return run;
}

void MlflowLiveRun::finalize(LoggerStatus status) {
  if (writer_ == nullptr || forked_off()) return;
  send_checkpoints();
  const char* text = status == LoggerStatus::kFailed ? "FAILED" : "FINISHED";
  post([text, now = ms_now()](MlflowWriter& writer) {
    writer.records.status({text, now});
  });
  close(true, waitable(options_.finalize_timeout));
}

// Lets go of the journal, so that others can send what is left in it.
void MlflowLiveRun::close(bool is_end, std::chrono::milliseconds wait) {
  if (writer_ == nullptr) return;
  // Not here: a disk that hangs would be waited for.
  queue_->post([writer = writer_] { writer->journal.flush(); });
  const bool written = queue_->finish();
  begun_ = false;
  // The thread has it still, and its file: what comes next goes there.
  if (!written) return;
  const bool sent = is_end && drain(wait);
  if (const auto* sender = writer_->session.sender()) {
    closed_place_ = sender->place();
  }
  say_end(is_end, sent);
  closed_at_ = writer_->journal.size();
  queue_.reset();
  writer_.reset();
}

// Says that it waits, when that takes longer than a moment.
bool MlflowLiveRun::drain(std::chrono::milliseconds wait) {
  if (writer_->session.sender() == nullptr) return false;
  const auto moment = std::min<std::chrono::milliseconds>(wait, kMoment);
  if (writer_->session.drain(moment)) return true;
  if (wait <= moment || writer_->session.has_stopped()) return false;
  log_info("[MLflowLogger] waiting for " + server_->text() + ", " +
           std::to_string((wait - moment).count() / 1000) + " s at most");
  return writer_->session.drain(wait - moment);
}

void MlflowLiveRun::say_end(bool is_end, bool sent) {
  // Where the server has got all, it had them from memory.
  const int64_t lost =
      writer_->journal.dropped() + (sent ? 0 : writer_->journal.waiting());
  if (lost > 0) {
    log_warning("[MLflowLogger] " + std::to_string(lost) +
                " of what was logged found no room on the disk and are lost");
  }
  const std::string command = mlflow_sync_command(folder_.path());
  const auto* sender = writer_->session.sender();
  if (!is_end) {
    log_warning(
        "[MLflowLogger] nobody has called finalize(); to send what is "
        "left of the run: " +
        command + (sender == nullptr ? " --tracking-uri URI" : ""));
  } else if (sender == nullptr) {
    log_info(
        "[MLflowLogger] no server is known (tracking_uri, "
        "MLFLOW_TRACKING_URI); the run is kept. To send it: " +
        command + " --tracking-uri URI");
  } else if (!sent) {
    const std::string problem = sender->problem();
    log_warning("[MLflowLogger] " + server_->text() +
                " hasn't got all of the run" +
                (problem.empty() ? std::string() : " (" + problem + ")") +
                ". To send the rest: " + command);
  } else if (!std::exchange(told_place_, true)) {
    log_info("[MLflowLogger] the run is at " + closed_place_.url);
  }
}

std::optional<MlflowSender::Place> MlflowLiveRun::place() const {
  const bool is_open = writer_ != nullptr && !forked_off();
  const auto* sender = is_open ? writer_->session.sender() : nullptr;
  auto place = sender != nullptr ? sender->place() : closed_place_;
  if (place.run_id.empty()) return {};
  return place;
}

// -- what is logged ----------------------------------------------------------

void MlflowLiveRun::add(const MetricMap& metrics, int64_t step) {
  open();
  if (writes()) queue_->add(metrics, step);
}

void MlflowLiveRun::post(std::function<void(MlflowWriter&)> job) {
  open();
  if (!writes()) return;
  queue_->post([writer = writer_, job = std::move(job)] { job(*writer); });
}

void MlflowLiveRun::offer(std::size_t bytes,
                          std::function<void(MlflowWriter&)> job) {
  open();
  if (!writes()) return;
  queue_->offer(bytes,
                [writer = writer_, job = std::move(job)] { job(*writer); });
}

std::optional<std::string> MlflowLiveRun::stage(const fs::path& file) {
  open();
  if (!writes()) return {};
  need_readable(file);
  return keep([&] { return writer_->staging.keep_copy(file); });
}

template <class Call>
std::optional<std::string> MlflowLiveRun::keep(const Call& call) {
  try {
    return call();
  } catch (const Error& error) {
    if (options_.strict) throw;
    once_->warning("[MLflowLogger] an artifact is lost: " +
                   std::string(error.what()));
    return {};
  }
}

void MlflowLiveRun::flush() const {
  if (queue_ == nullptr || forked_off()) return;
  queue_->post([writer = writer_] { writer->journal.flush(); });
  queue_->flush();
}

// -- checkpoints -------------------------------------------------------------

void MlflowLiveRun::take_checkpoints(const CheckpointCallback& callback) {
  if (!options_.log_model.on() || !writes()) return;
  kept_[&callback] = {callback.kept_checkpoints(), callback.settings()};
  if (options_.log_model.is_all() || callback.most_kept() == -1) {
    send_checkpoints();
  }
}

// Those that are new, or were written anew. One whose file isn't there yet
// comes with the next.
void MlflowLiveRun::send_checkpoints() {
  for (const auto& [callback, kept] : kept_) {
    for (const KeptCheckpoint& checkpoint : kept.files) {
      std::error_code error;
      const auto time = fs::last_write_time(checkpoint.path, error);
      if (error) continue;
      const auto known = sent_checkpoints_.find(checkpoint.path);
      if (known != sent_checkpoints_.end() && known->second == time) continue;
      if (!send_checkpoint(checkpoint, kept.settings)) continue;
      sent_checkpoints_[checkpoint.path] = time;
    }
  }
  send_aliases();
}

bool MlflowLiveRun::send_checkpoint(const KeptCheckpoint& kept,
                                    const State& settings) {
  open();
  // Now, before the callback removes it.
  const auto file = keep([&] { return writer_->staging.keep_link(kept.path); });
  if (!file) return false;
  const State metadata =
      State::map({{"score", kept.score ? State(*kept.score) : State()},
                  {"original_filename", kept.path.filename().string()},
                  {"Checkpoint", settings}});
  post([file = *file, folder = kept.path.stem().string() + "/",
        name = kept.path.filename().string(),
        text = to_yaml(metadata)](MlflowWriter& writer) {
    writer.add_artifact(folder + name, file);
    writer.add_content(folder + "metadata.yaml", text);
  });
  return true;
}

// Where they are others than before.
void MlflowLiveRun::send_aliases() {
  for (const auto& [path, time] : sent_checkpoints_) {
    bool is_last = false, is_best = false;
    for (const auto& [callback, kept] : kept_) {
      const auto found =
          std::ranges::find(kept.files, path, &KeptCheckpoint::path);
      if (found == kept.files.end()) continue;
      is_last = is_last || found->last;
      is_best = is_best || found->best;
    }
    const std::string aliases = std::string("[") + (is_last ? "'latest'" : "") +
                                (is_last && is_best ? ", " : "") +
                                (is_best ? "'best'" : "") + "]";
    if (std::exchange(aliases_[path], aliases) == aliases) continue;
    post([aliases, folder = path.stem().string() + "/"](MlflowWriter& writer) {
      writer.add_content(folder + "aliases.txt", aliases);
    });
  }
}

// -- going on ----------------------------------------------------------------

State MlflowLiveRun::state() const {
  flush();
  const uint64_t offset =
      writer_ != nullptr ? writer_->journal.size() : closed_at_;
  return State::map({{"save_dir", folder_.save_dir().string()},
                     {"experiment", experiment_},
                     {"version", folder_.version()},
                     {"key", key_},
                     {"offset", static_cast<int64_t>(offset)}});
}

bool MlflowLiveRun::resume(const State& state) {
  const std::string& version = state.at("version").as_string();
  const bool same =
      state.at("save_dir").as_string() == folder_.save_dir().string() &&
      state.at("experiment").as_string() == experiment_ &&
      (!folder_.is_fixed() || folder_.version() == version);
  if (!same || writer_ != nullptr || !writes()) return false;
  const std::string before = folder_.version();
  folder_.use(version);
  if (is_run_of(state)) {
    claimed_ = true;
    rewind_to_ = static_cast<uint64_t>(state.at("offset").as_int());
    return true;
  }
  queue_.reset();
  writer_.reset();
  folder_.use(before);
  return false;
}

bool MlflowLiveRun::is_run_of(const State& state) {
  const int64_t offset = state.at("offset").as_int();
  std::error_code error;
  if (offset < 0 || !fs::exists(mlflow_journal(folder_.path()), error)) {
    return false;
  }
  try {
    open_journal();
  } catch (const Error& problem) {
    log_warning(
        std::string("[MLflowLogger] the checkpoint's run can't go on: ") +
        problem.what());
    return false;
  }
  return key_ == state.at("key").as_string() &&
         writer_->journal.size() >= static_cast<uint64_t>(offset);
}

}  // namespace bolt::detail
