#include "loggers/mlflow/records.h"

#include <torchbolt/core/number.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "loggers/flat_params.h"
#include "loggers/jsonl/json_text.h"
#include "loggers/mlflow/json_fields.h"
#include "loggers/mlflow/names.h"

namespace bolt::detail {
namespace {

using nlohmann::json;

// Each request holds at least one line, so that a line stays well below what
// one may: 1,000 metrics, 100 params, 100 tags, 1 MB.
constexpr std::size_t kMostMetrics = 500;
constexpr std::size_t kMostBytes = 256 << 10;

constexpr std::size_t kMostNameSets = 64;

constexpr std::string_view kCount = "\"count\":";
constexpr std::string_view kEntries = ",\"entries\":[";

// For a message: any bytes as text.
std::string shown(std::string_view name) { return mlflow_value(name, 100); }

std::string member(std::string_view name, std::string_view text) {
  return json_text(name) + ":" + json_text(text);
}

// Entries, of which each line takes as many as it may.
class Lines {
 public:
  Lines(Journal& journal, std::string_view op, std::size_t most,
        Journal::Keep keep)
      : journal_(&journal), op_(op), most_(most), keep_(keep) {}
  ~Lines() { end(); }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  void add(std::string_view entry) {
    if (count_ == most_ || entries_.size() + entry.size() > kMostBytes) end();
    if (count_++ > 0) entries_ += ',';
    entries_ += entry;
  }

 private:
  void end() {
    if (count_ == 0) return;
    std::string members(kCount);
    members += std::to_string(count_);
    members += kEntries;
    members += entries_;
    members += ']';
    journal_->append(op_, members, keep_);
    entries_.clear();
    count_ = 0;
  }

  Journal* journal_;
  std::string_view op_;
  std::size_t most_;
  Journal::Keep keep_;
  std::string entries_{};
  std::size_t count_ = 0;
};

// Any bytes: none where it isn't an object.
json parsed(const JournalLine& line) {
  json object = json::parse(line.json, nullptr, false);
  return object.is_object() ? object : json();
}

// Whether it is the path of a file below any folder.
bool is_inside(const std::string& text) {
  const std::filesystem::path path(text);
  return path.is_relative() && path.has_filename() &&
         std::ranges::find(path, "..") == path.end();
}

int64_t int_at(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer()
             ? found->get<int64_t>()
             : 0;
}

std::string python_text(const State& value) {
  switch (value.kind()) {
    case State::Kind::kNone:
      return "None";
    case State::Kind::kBool:
      return value.as_bool() ? "True" : "False";
    case State::Kind::kString:
      return value.as_string();
    case State::Kind::kDouble: {
      std::string text = shortest(value.as_double());
      if (text.find_first_not_of("-0123456789") == std::string::npos) {
        text += ".0";
      }
      return text;
    }
    default:
      return value.to_string();
  }
}

// Identifies a point: MLflow too takes two with the same for one.
std::string point(std::string_view quoted, std::string_view value,
                  int64_t step) {
  std::string text(quoted);
  text += value;
  text += '@';
  return text + std::to_string(step);
}

}  // namespace

void MlflowRecords::run(const MlflowRun& run) {
  std::string members = "\"version\":1,";
  members += member("key", run.key) + ",";
  members += member("server", run.server) + ",";
  members += member("experiment", run.experiment) + ",";
  members += member("artifact_location", run.artifact_location) + ",";
  members += member("name", run.name) + ",";
  members += member("run_id", run.run_id) + ",";
  members += member("user", run.user) + ",";
  members += "\"start_time\":" + std::to_string(run.start_ms) + ",\"tags\":[";
  MlflowPairs more;
  for (const auto& [name, value] : run.tags) {
    if (members.size() > kMostBytes) {
      more.emplace_back(name, value);
      continue;
    }
    if (!members.ends_with('[')) members += ',';
    members += "{" + member("key", key(name)) + "," +
               member("value", mlflow_value(value, kMlflowTagLength)) + "}";
  }
  journal_->append("run", members + "]");
  tags(more);
}

std::string MlflowRecords::key(std::string_view name) {
  std::string taken = mlflow_key(name);
  if (taken != name) {
    on_change_("[MLflowLogger] MLflow takes no name like \"" + shown(name) +
               "\"; it is logged as \"" + taken + "\"");
  }
  return taken;
}

const std::string& MlflowRecords::quoted_key(std::string_view name) {
  const auto found = keys_.find(name);
  if (found != keys_.end()) return found->second;
  return keys_.emplace(std::string(name), json_text(key(name))).first->second;
}

// Rows share their names, of which there are few sets.
const std::vector<std::string>& MlflowRecords::quoted_keys(const Names& names) {
  const auto found = keys_of_.find(names);
  if (found != keys_of_.end()) return found->second;
  if (keys_of_.size() >= kMostNameSets) keys_of_.clear();
  std::vector<std::string>& keys = keys_of_[names];
  for (const std::string& name : *names) {
    keys.push_back(quoted_key(prefix_.empty() ? name : prefix_ + "-" + name));
  }
  return keys;
}

void MlflowRecords::metrics(const MetricRow& row) {
  Lines lines(*journal_, "metrics", kMostMetrics, Journal::Keep::kIfRoom);
  const std::string tail =
      ",\"timestamp\":" + std::to_string(std::llround(row.wall_time * 1000)) +
      ",\"step\":" + std::to_string(row.step) + "}";
  const std::vector<std::string>& keys = quoted_keys(row.names);
  std::string entry;
  for (std::size_t k = 0; k < keys.size(); ++k) {
    const std::string value = json_number(row.values[k]);
    if (!known_.empty() && is_known(keys[k], value, row.step)) continue;
    entry = "{\"key\":";
    entry += keys[k];
    entry += ",\"value\":";
    entry += value;
    entry += tail;
    lines.add(entry);
  }
}

bool MlflowRecords::is_known(std::string_view quoted, std::string_view value,
                             int64_t step) {
  const auto found = known_.find(point(quoted, value, step));
  if (found == known_.end()) return false;
  if (--found->second == 0) known_.erase(found);
  return true;
}

void MlflowRecords::add_pairs(std::string_view op, const MlflowPairs& pairs,
                              std::size_t length) {
  Lines lines(*journal_, op, kMostMlflowPairs, Journal::Keep::kAlways);
  for (const auto& [name, value] : pairs) {
    const std::string text = mlflow_value(value, length);
    if (text.size() < value.size()) {
      on_change_("[MLflowLogger] the value of \"" + shown(name) +
                 "\" is cut to " + std::to_string(length) +
                 " characters, of which MLflow takes "
                 "no more");
    }
    lines.add("{\"key\":" + quoted_key(name) + "," + member("value", text) +
              "}");
  }
}

void MlflowRecords::params(const MlflowPairs& params) {
  add_pairs("params", params, kMlflowParamLength);
}

void MlflowRecords::tags(const MlflowPairs& tags) {
  add_pairs("tags", tags, kMlflowTagLength);
}

void MlflowRecords::artifact(const MlflowArtifact& artifact) {
  const std::string path = mlflow_artifact_path(artifact.path);
  if (path != artifact.path) {
    on_change_("[MLflowLogger] MLflow takes no artifact like \"" +
               shown(artifact.path) + "\"; it is kept as \"" + path + "\"");
  }
  journal_->append("artifact",
                   member("path", path) + "," + member("file", artifact.file));
}

void MlflowRecords::status(const MlflowStatus& status) {
  journal_->append("status", member("status", status.status) +
                                 ",\"time\":" + std::to_string(status.time_ms));
}

void MlflowRecords::know_points(uint64_t offset) {
  known_.clear();
  while (true) {
    const std::string bytes = journal_->read(offset, 2 * kMostJournalLine);
    std::string_view rest = bytes;
    while (const auto line = take_line(rest)) {
      if (line->op != "metrics") continue;
      const json object = parsed(*line);
      const auto entries = object.find("entries");
      if (entries == object.end()) continue;
      for (const json& entry : *entries) {
        if (!entry.is_object() || !entry.contains("value")) continue;
        const json& value = entry["value"];
        ++known_[point(
            json_text(text_at(entry, "key")),
            value.is_number() ? json_number(value.get<double>()) : value.dump(),
            int_at(entry, "step"))];
      }
    }
    if (rest.size() == bytes.size()) return;
    offset += bytes.size() - rest.size();
  }
}

MlflowPairs mlflow_params(const State& params) {
  MlflowPairs out;
  for (const auto& [name, value] : flat_params(params)) {
    if (!name.empty()) out.emplace_back(name, python_text(value));
  }
  return out;
}

std::optional<MlflowRun> read_run(const JournalLine& line) {
  const json object = line.op == "run" ? parsed(line) : json();
  if (object.is_null() || int_at(object, "version") != 1) return {};
  MlflowRun run{.key = text_at(object, "key"),
                .server = text_at(object, "server"),
                .experiment = text_at(object, "experiment"),
                .artifact_location = text_at(object, "artifact_location"),
                .name = text_at(object, "name"),
                .run_id = text_at(object, "run_id"),
                .user = text_at(object, "user"),
                .start_ms = int_at(object, "start_time")};
  const auto tags = object.find("tags");
  if (tags != object.end() && tags->is_array()) {
    for (const json& tag : *tags) {
      if (!tag.is_object()) return {};
      run.tags.emplace_back(text_at(tag, "key"), text_at(tag, "value"));
    }
  }
  return run;
}

std::optional<MlflowArtifact> read_artifact(const JournalLine& line) {
  const json object = line.op == "artifact" ? parsed(line) : json();
  if (object.is_null()) return {};
  MlflowArtifact artifact{text_at(object, "path"), text_at(object, "file")};
  // Nobody else's files, nor to any other place.
  if (!is_inside(artifact.path) || !is_inside(artifact.file)) return {};
  return artifact;
}

std::optional<MlflowStatus> read_status(const JournalLine& line) {
  const json object = line.op == "status" ? parsed(line) : json();
  if (object.is_null()) return {};
  return MlflowStatus{text_at(object, "status"), int_at(object, "time")};
}

// Not parsed: what the checksum vouches for goes on as it is.
std::optional<MlflowEntries> read_entries(const JournalLine& line) {
  if (line.op != "metrics" && line.op != "params" && line.op != "tags") {
    return {};
  }
  MlflowEntries entries;
  const std::size_t count = line.json.find(kCount);
  const std::size_t list = line.json.find(kEntries);
  if (count == std::string_view::npos || list == std::string_view::npos ||
      count > list || !line.json.ends_with("]}")) {
    return {};
  }
  const char* begin = line.json.data() + count + kCount.size();
  const auto read =
      std::from_chars(begin, line.json.data() + list, entries.count);
  if (read.ec != std::errc() || read.ptr != line.json.data() + list) return {};
  const std::size_t from = list + kEntries.size();
  entries.json = line.json.substr(from, line.json.size() - 2 - from);
  return entries;
}

}  // namespace bolt::detail
