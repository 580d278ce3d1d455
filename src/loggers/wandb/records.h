#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "loggers/run_source.h"
#include "loggers/wandb/tags.h"

namespace bolt::detail::wandb {

// The messages of a log as bytes. Text may be anything; what is no UTF-8 in it
// is replaced.

using Time = std::chrono::system_clock::time_point;

/// A value under a path of keys, as W&B's JSON.
struct Item {
  std::vector<std::string> key{};
  std::string json{};
};
using Items = std::vector<Item>;

/// A message, and which of Record's fields it is.
struct Message {
  Record field{};
  std::string bytes{};
};

/// What identifies a run, and how it is shown.
struct RunInfo {
  std::string id{};
  std::string entity{};
  std::string project{};
  std::string name{};
  std::string group{};
  std::string job_type{};
  std::string notes{};
  std::vector<std::string> tags{};
  std::string host{};
  GitSource git{};
  Time start{};
  /// Of a run that goes on: the first step, and the seconds before it.
  int64_t starting_step = 0;
  int32_t runtime = 0;
  bool resumed = false;
  Items config{};
};

/// A metric's x axis.
struct MetricInfo {
  std::string name{};
  /// Is a pattern of names, "*", rather than a name.
  bool glob = false;
  std::string step_metric{};
  bool step_sync = false;
  /// The user's own definition, rather than one that a pattern gave.
  bool defined = true;
};

/// The machine.
struct Environment {
  std::string os{};
  std::string host{};
  std::string program{};
  std::string executable{};
  std::vector<std::string> args{};
  GitSource git{};
  Time started{};
  uint32_t cpus = 0;
  uint64_t memory = 0;
  std::string writer_id{};
};

/// One file as an artifact.
struct Artifact {
  std::string run_id{};
  std::string entity{};
  std::string project{};
  std::string type{};
  std::string name{};
  /// JSON; may be empty.
  std::string metadata{};
  std::vector<std::string> aliases{};
  /// Its path in the artifact, where it is now (absolute), and its size.
  std::string path{};
  std::string local_path{};
  int64_t size = 0;
  /// MD5 of its content, 16 bytes.
  std::string md5{};
  std::string client_id{};
  std::string sequence_client_id{};
};

/// A whole record.
std::string record(int64_t number, const Message& message);

Message header_message();
Message run_message(const RunInfo& run);
Message config_message(const Items& items);
Message summary_message(const Items& items);
Message history_message(std::span<const Item> items, int64_t step);
Message metric_message(const MetricInfo& metric);
/// Text as the process wrote it, line ends included.
Message output_message(std::string_view text, bool error, Time time);
/// A file under files/ that is complete.
Message file_message(std::string_view path);
Message environment_message(const Environment& environment);
Message artifact_message(const Artifact& artifact);
Message exit_message(int32_t code, int32_t runtime);

/// The step of a record that is a row of the history; none for others. Anything
/// may be in it.
std::optional<int64_t> history_step(std::string_view record);
/// The values of such a record.
Items history_items(std::string_view record);
/// Whether a record is the end of a run.
bool is_exit(std::string_view record);

}  // namespace bolt::detail::wandb
