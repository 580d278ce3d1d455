#include "loggers/jsonl/writer.h"

#include <torchbolt/core/files.h>
#include <torchbolt/core/log.h>

#include <cmath>
#include <system_error>

#include "loggers/jsonl/json_text.h"
#include "loggers/media_path.h"
#include "loggers/yaml.h"

namespace bolt::detail {
namespace {

namespace fs = std::filesystem;

// A file of before may end in the middle of a line.
uint64_t whole_lines(const fs::path& path) {
  std::error_code error;
  if (!fs::exists(path, error)) return 0;
  const std::string bytes = read_file(path);
  const std::size_t end = bytes.rfind('\n');
  return end == std::string::npos ? 0 : end + 1;
}

}  // namespace

JsonlWriter::JsonlWriter(std::string prefix)
    : keys_(std::move(prefix), json_text) {}

void JsonlWriter::open(const fs::path& folder, bool used) {
  folder_ = folder;
  if (used) size_ = whole_lines(path());
}

State JsonlWriter::position() {
  const uint64_t bytes = file_ != nullptr ? file_->size() : size_;
  return State::map({{"lines_bytes", static_cast<int64_t>(bytes)}});
}

bool JsonlWriter::can_resume(const State& position,
                             const fs::path& folder) const {
  const State* bytes = position.find("lines_bytes");
  if (bytes == nullptr || bytes->as_int() < 0) return false;
  std::error_code error;
  return fs::exists(bytes->as_int() > 0 ? folder / "metrics.jsonl" : folder,
                    error);
}

void JsonlWriter::resume(const State& position, const fs::path& folder) {
  folder_ = folder;
  file_.reset();
  size_ = static_cast<uint64_t>(position.at("lines_bytes").as_int());
  std::error_code error;
  const uint64_t found = fs::file_size(path(), error);
  if (error || found >= size_) return;
  log_warning("[JSONLLogger] " + path().string() + " has " +
              std::to_string(found) + " bytes, and had " +
              std::to_string(size_) + " when the checkpoint was written");
  size_ = whole_lines(path());
}

// What is behind the lines of before is cut off here, not earlier: until there
// is something to write, the run may yet fail.
RecordFile& JsonlWriter::file() {
  if (file_ == nullptr) file_ = std::make_unique<RecordFile>(path(), size_);
  return *file_;
}

void JsonlWriter::add_line(double wall_time, std::optional<int64_t> step,
                           std::string_view rest) {
  std::string line = "{\"t\":" + json_number(wall_time);
  if (step) line += ",\"step\":" + std::to_string(*step);
  line += ',';
  line += rest;
  file().add(line + "}\n");
}

void JsonlWriter::write(const MetricRow& row) {
  const std::vector<std::string>& keys = *keys_.of(row);
  std::string metrics;
  std::string epoch;
  for (std::size_t k = 0; k < row.values.size(); ++k) {
    if ((*row.names)[k] == "epoch" && std::isfinite(row.values[k])) {
      epoch = "\"epoch\":" + json_number(row.values[k]) + ",";
      continue;
    }
    if (!metrics.empty()) metrics += ',';
    metrics += keys[k];
    metrics += ':';
    metrics += json_number(row.values[k]);
  }
  add_line(row.wall_time, row.step, epoch + "\"m\":{" + metrics + "}");
}

void JsonlWriter::end_batch() {
  if (file_ == nullptr) return;
  if (!file_->is_there()) {
    log_message(LogLevel::kError, "[JSONLLogger] " + path().string() +
                                      " has vanished, with what was logged so "
                                      "far; it is begun anew");
    file_.reset();
    size_ = 0;
    return;
  }
  file_->flush();
}

void JsonlWriter::hyperparameters(const State& params) {
  write_atomic(folder_ / "hparams.yaml", to_yaml(params));
  add_line(wall_time_now(), {}, "\"hparams\":" + json_value(params));
}

void JsonlWriter::add_file(double wall_time, int64_t step,
                           std::string_view kind, std::string_view name,
                           std::string_view bytes, const std::string& format) {
  const fs::path place =
      fs::path("media") / (media_path(name) + "_" + std::to_string(step) + "." +
                           media_path(format));
  write_atomic(folder_ / place, bytes);
  add_line(wall_time, step,
           "\"" + std::string(kind) + "\":{\"name\":" + json_text(name) +
               ",\"file\":" + json_text(place.generic_string()) + "}");
}

void JsonlWriter::sync() {
  if (file_ != nullptr) file_->sync();
}

std::size_t JsonlWriter::unwritten() const {
  return file_ != nullptr ? file_->pending() : 0;
}

}  // namespace bolt::detail
