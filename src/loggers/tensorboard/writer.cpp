#include "loggers/tensorboard/writer.h"

#include <torchbolt/core/files.h>
#include <torchbolt/core/log.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <system_error>
#include <utility>

#include "loggers/tensorboard/tfrecord.h"
#include "loggers/yaml.h"

namespace bolt::detail {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFile = "events.out.tfevents.";

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  std::string text = name.data();
  std::ranges::replace(text, '/', '_');
  return text.empty() ? "localhost" : text;
}

// Event files of a run, in the order in which readers go through them.
std::vector<std::string> event_files(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    std::string name = entry.path().filename().string();
    if (name.find("tfevents") != std::string::npos) {
      names.push_back(std::move(name));
    }
  }
  std::ranges::sort(names);
  return names;
}

int64_t seconds_of(std::string_view name) {
  int64_t seconds = 0;
  if (name.starts_with(kFile)) {
    name.remove_prefix(kFile.size());
    std::from_chars(name.data(), name.data() + name.size(), seconds);
  }
  return seconds;
}

// Behind all that are there, even where two begin within a second.
fs::path next_file(const fs::path& folder, double wall_time) {
  auto seconds = static_cast<int64_t>(wall_time);
  for (const std::string& name : event_files(folder)) {
    seconds = std::max(seconds, seconds_of(name) + 1);
  }
  std::array<char, 32> digits{};
  std::snprintf(digits.data(), digits.size(), "%010lld",
                static_cast<long long>(seconds));
  // Several loggers of a process may begin one at a time.
  static std::atomic<int> files{0};
  return folder /
         (std::string(kFile) + digits.data() + "." + host_name() + "." +
          std::to_string(::getpid()) + "." + std::to_string(files++));
}

bool is_ours(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string begin(256, '\0');
  file.read(begin.data(), static_cast<std::streamsize>(begin.size()));
  return begin.find(kEventWriter) != std::string::npos;
}

}  // namespace

void EventWriter::open(const fs::path& folder, bool) {
  folder_ = folder;
  // Readers forget a step that comes again behind the start of a session; the
  // first start of a run is one that they go by.
  const auto files = event_files(folder);
  if (files.empty()) {
    start_step_ = 0;
  } else {
    behind_ = files.back();
  }
}

State EventWriter::position() {
  State file;
  State bytes = 0;
  if (file_ != nullptr) {
    file = file_->path().filename().string();
    bytes = static_cast<int64_t>(file_->size());
  } else if (rewind_to_) {
    file = rewind_to_->at("file");
    bytes = rewind_to_->at("bytes");
  } else if (!behind_.empty()) {
    // Another run's, which stays as it is.
    file = behind_;
    bytes = State();
  }
  return State::map({{"file", std::move(file)},
                     {"bytes", std::move(bytes)},
                     {"last_step", last_step_},
                     {"has_graph", has_graph_},
                     {"has_hparams", has_hparams_},
                     {"has_end", has_end_}});
}

bool EventWriter::can_resume(const State& position,
                             const fs::path& folder) const {
  const State* file = position.find("file");
  if (file == nullptr) return false;
  std::error_code error;
  return fs::exists(file->is_none() ? folder : folder / file->as_string(),
                    error);
}

void EventWriter::resume(const State& position, const fs::path& folder) {
  folder_ = folder;
  file_.reset();
  described_.clear();
  rewind_to_ = position;
  last_step_ = position.at("last_step").as_int();
  has_graph_ = position.at("has_graph").as_bool();
  has_hparams_ = position.at("has_hparams").as_bool();
  has_end_ = position.at("has_end").as_bool();
  start_step_ = last_step_ + 1;
}

// The file of the checkpoint is cut, and those behind it go. A server that
// reads them meanwhile learns of it by the start of the new file's session.
void EventWriter::rewind() {
  const State position = std::move(*rewind_to_);
  rewind_to_.reset();
  const State& file = position.at("file");
  const std::string last = file.is_none() ? "" : file.as_string();
  std::error_code error;
  for (const std::string& name : event_files(folder_)) {
    if (name > last && is_ours(folder_ / name)) {
      fs::remove(folder_ / name, error);
    }
  }
  if (file.is_none() || position.at("bytes").is_none()) return;
  const auto bytes = static_cast<uint64_t>(position.at("bytes").as_int());
  const uint64_t found = fs::file_size(folder_ / last, error);
  if (error) return;
  if (found < bytes) {
    log_warning("[TensorBoardLogger] " + (folder_ / last).string() + " has " +
                std::to_string(found) + " bytes, and had " +
                std::to_string(bytes) + " when the checkpoint was written");
  } else if (found > bytes) {
    fs::resize_file(folder_ / last, bytes);
  }
}

RecordFile& EventWriter::file(double wall_time) {
  if (file_ != nullptr) return *file_;
  if (rewind_to_) rewind();
  auto file = std::make_unique<RecordFile>(next_file(folder_, wall_time), 0);
  file->add(tfrecord(version_event(wall_time)));
  if (start_step_) {
    file->add(
        tfrecord(start_event({.wall_time = wall_time, .step = *start_step_})));
    start_step_.reset();
  }
  // It is written with what follows; on a full disk it waits.
  described_.clear();
  file_ = std::move(file);
  return *file_;
}

void EventWriter::add_event(RecordFile& file, EventTime time,
                            std::string_view event) {
  file.add(tfrecord(event));
  last_step_ = std::max(last_step_, time.step);
}

void EventWriter::write(const MetricRow& row) {
  add({.wall_time = row.wall_time, .step = row.step},
      [&](std::string& summary) {
        const std::vector<std::string>& tags = *tags_.of(row);
        for (std::size_t k = 0; k < tags.size(); ++k) {
          add_scalar(summary, tags[k], row.values[k]);
        }
      });
}

void EventWriter::end_batch() {
  if (file_ == nullptr) return;
  if (!file_->is_there()) {
    log_message(LogLevel::kError, "[TensorBoardLogger] " +
                                      file_->path().string() +
                                      " has vanished, with what was logged so "
                                      "far; another one is begun");
    file_.reset();
    return;
  }
  file_->flush();
}

void EventWriter::sync() {
  if (file_ != nullptr) file_->sync();
}

std::size_t EventWriter::unwritten() const {
  return file_ != nullptr ? file_->pending() : 0;
}

void EventWriter::hyperparameters(const State& params) {
  MetricMap metrics;
  if (default_hp_metric_) metrics["hp_metric"] = -1;
  add_hparams(params, metrics, wall_time_now());
}

void EventWriter::add_hparams(const State& params, const MetricMap& metrics,
                              double wall_time) {
  std::error_code error;
  if (!fs::exists(folder_ / "hparams.yaml", error)) {
    write_atomic(folder_ / "hparams.yaml", to_yaml(params));
  }
  // Of several, readers take the first; a second placeholder would hide the
  // metric's values.
  if (metrics.empty() || has_hparams_) return;
  has_hparams_ = true;
  add({.wall_time = wall_time}, [&](std::string& summary) {
    const HParams flat = flat_hparams(params);
    std::vector<std::string> tags;
    for (const auto& [name, value] : metrics) {
      tags.push_back(tags_.of(name));
      add_scalar(summary, tags.back(), value);
    }
    add_experiment(summary, flat, tags);
    add_session_start(summary, flat, wall_time);
  });
}

// Readers take the first end, too. A run that goes on and had nothing to say
// leaves all as it was.
void EventWriter::finish(LoggerStatus status) {
  if (!has_hparams_ || has_end_ || rewind_to_) return;
  has_end_ = true;
  const double now = wall_time_now();
  add({.wall_time = now, .step = std::max<int64_t>(last_step_, 0)},
      [&](std::string& summary) { add_session_end(summary, status, now); });
}

void EventWriter::add_graph(EventTime time,
                            const std::vector<GraphNode>& nodes) {
  if (std::exchange(has_graph_, true)) return;
  RecordFile& file = this->file(time.wall_time);
  add_event(file, time, graph_event(time, graph_def(nodes)));
}

}  // namespace bolt::detail
