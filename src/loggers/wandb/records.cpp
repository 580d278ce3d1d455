#include "loggers/wandb/records.h"

#include <torchbolt/version.h>

#include <protozero/pbf_builder.hpp>
#include <protozero/pbf_message.hpp>

#include "loggers/jsonl/json_text.h"
#include "loggers/utf8_text.h"
#include "loggers/wandb/digest.h"

namespace bolt::detail::wandb {
namespace {

/// The oldest version of W&B's tools that a log says it needs; what the tools
/// themselves write.
constexpr const char* kMinConsumer = "0.70.0";

template <class Field>
class Writer {
 public:
  explicit Writer(std::string& out) : builder_(out) {}
  // As in proto3, what is empty or 0 isn't written.
  void text(Field field, std::string_view value) {
    if (!value.empty()) builder_.add_string(field, as_utf8(value));
  }
  void texts(Field field, const std::vector<std::string>& values) {
    for (const auto& value : values) builder_.add_string(field, as_utf8(value));
  }
  void number(Field field, int64_t value) {
    if (value != 0) builder_.add_int64(field, value);
  }
  void flag(Field field, bool value) {
    if (value) builder_.add_bool(field, true);
  }
  void message(Field field, const std::string& bytes) {
    builder_.add_message(field, bytes);
  }

 private:
  protozero::pbf_builder<Field> builder_;
};

template <class Field, class Fill>
std::string message_of(Fill fill) {
  std::string bytes;
  Writer<Field> writer(bytes);
  fill(writer);
  return bytes;
}

std::string timestamp(Time time) {
  const auto since = time.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  return message_of<Timestamp>([&](auto& w) {
    w.number(Timestamp::kSeconds, seconds.count());
    w.number(Timestamp::kNanos,
             std::chrono::nanoseconds(since - seconds).count());
  });
}

template <class Field>
std::string item_message(const Item& item) {
  return message_of<Field>([&](auto& w) {
    w.texts(Field::kNestedKey, item.key);
    w.text(Field::kValueJson, item.json);
  });
}

// A config's items have plain keys.
std::string config_bytes(const Items& items) {
  return message_of<ConfigRecord>([&](auto& w) {
    for (const Item& item : items) {
      w.message(ConfigRecord::kUpdate, message_of<ConfigItem>([&](auto& i) {
                  i.text(ConfigItem::kKey, item.key.front());
                  i.text(ConfigItem::kValueJson, item.json);
                }));
    }
  });
}

template <class Field>
void add_git(Writer<Field>& writer, const GitSource& git) {
  if (git.remote_url.empty() && git.commit.empty()) return;
  writer.message(Field::kGit, message_of<GitRepoRecord>([&](auto& w) {
                   w.text(GitRepoRecord::kRemoteUrl, git.remote_url);
                   w.text(GitRepoRecord::kCommit, git.commit);
                 }));
}

}  // namespace

std::string record(int64_t number, const Message& message) {
  return message_of<Record>([&](auto& w) {
    w.number(Record::kNum, number);
    w.message(message.field, message.bytes);
  });
}

Message header_message() {
  const auto version = message_of<VersionInfo>([&](auto& w) {
    w.text(VersionInfo::kProducer,
           std::string("torchbolt-") + TORCHBOLT_VERSION);
    w.text(VersionInfo::kMinConsumer, kMinConsumer);
  });
  return {Record::kHeader, message_of<HeaderRecord>([&](auto& w) {
            w.message(HeaderRecord::kVersionInfo, version);
          })};
}

Message run_message(const RunInfo& run) {
  return {Record::kRun, message_of<RunRecord>([&](auto& w) {
            w.text(RunRecord::kRunId, run.id);
            w.text(RunRecord::kEntity, run.entity);
            w.text(RunRecord::kProject, run.project);
            w.message(RunRecord::kConfig, config_bytes(run.config));
            w.text(RunRecord::kRunGroup, run.group);
            w.text(RunRecord::kJobType, run.job_type);
            w.text(RunRecord::kDisplayName, run.name);
            w.text(RunRecord::kNotes, run.notes);
            w.texts(RunRecord::kTags, run.tags);
            w.text(RunRecord::kHost, run.host);
            w.number(RunRecord::kStartingStep, run.starting_step);
            w.message(RunRecord::kStartTime, timestamp(run.start));
            w.flag(RunRecord::kResumed, run.resumed);
            w.number(RunRecord::kRuntime, run.runtime);
            add_git(w, run.git);
          })};
}

Message config_message(const Items& items) {
  return {Record::kConfig, config_bytes(items)};
}

Message summary_message(const Items& items) {
  return {Record::kSummary, message_of<SummaryRecord>([&](auto& w) {
            for (const Item& item : items) {
              w.message(SummaryRecord::kUpdate,
                        item_message<SummaryItem>(item));
            }
          })};
}

Message history_message(std::span<const Item> items, int64_t step) {
  return {Record::kHistory, message_of<HistoryRecord>([&](auto& w) {
            for (const Item& item : items) {
              w.message(HistoryRecord::kItem, item_message<HistoryItem>(item));
            }
            w.message(HistoryRecord::kStep,
                      message_of<HistoryStep>(
                          [&](auto& s) { s.number(HistoryStep::kNum, step); }));
          })};
}

Message metric_message(const MetricInfo& metric) {
  const auto options = message_of<MetricOptions>([&](auto& w) {
    w.flag(MetricOptions::kStepSync, metric.step_sync);
    w.flag(MetricOptions::kDefined, metric.defined);
  });
  return {Record::kMetric, message_of<MetricRecord>([&](auto& w) {
            w.text(metric.glob ? MetricRecord::kGlobName : MetricRecord::kName,
                   metric.name);
            w.text(MetricRecord::kStepMetric, metric.step_metric);
            w.message(MetricRecord::kOptions, options);
            if (metric.defined) return;
            w.message(MetricRecord::kSummary, "");
            w.message(MetricRecord::kControl,
                      message_of<MetricControl>([](auto& c) {
                        c.flag(MetricControl::kOverwrite, true);
                      }));
            w.flag(MetricRecord::kExpandedFromGlob, true);
          })};
}

Message output_message(std::string_view text, bool error, Time time) {
  return {Record::kOutputRaw, message_of<OutputRawRecord>([&](auto& w) {
            w.number(OutputRawRecord::kOutputType, error ? 0 : 1);
            w.message(OutputRawRecord::kTimestamp, timestamp(time));
            w.text(OutputRawRecord::kLine, text);
          })};
}

Message file_message(std::string_view path) {
  // Policy "now" and type "other" are the zeros.
  const auto item =
      message_of<FilesItem>([&](auto& w) { w.text(FilesItem::kPath, path); });
  return {Record::kFiles, message_of<FilesRecord>([&](auto& w) {
            w.message(FilesRecord::kFiles, item);
          })};
}

Message environment_message(const Environment& environment) {
  return {Record::kEnvironment, message_of<EnvironmentRecord>([&](auto& w) {
            w.text(EnvironmentRecord::kOs, environment.os);
            w.message(EnvironmentRecord::kStartedAt,
                      timestamp(environment.started));
            w.texts(EnvironmentRecord::kArgs, environment.args);
            w.text(EnvironmentRecord::kProgram, environment.program);
            add_git(w, environment.git);
            w.text(EnvironmentRecord::kHost, environment.host);
            w.text(EnvironmentRecord::kExecutable, environment.executable);
            w.number(EnvironmentRecord::kCpuCountLogical, environment.cpus);
            w.message(EnvironmentRecord::kMemory,
                      message_of<MemoryInfo>([&](auto& m) {
                        m.number(MemoryInfo::kTotal,
                                 static_cast<int64_t>(environment.memory));
                      }));
            w.text(EnvironmentRecord::kWriterId, environment.writer_id);
          })};
}

Message artifact_message(const Artifact& artifact) {
  const std::string digest = base64(artifact.md5);
  const auto entry = message_of<ArtifactManifestEntry>([&](auto& w) {
    w.text(ArtifactManifestEntry::kPath, artifact.path);
    w.text(ArtifactManifestEntry::kDigest, digest);
    w.number(ArtifactManifestEntry::kSize, artifact.size);
    w.text(ArtifactManifestEntry::kLocalPath, artifact.local_path);
    // Its cache would be a second copy of what is a copy already.
    w.flag(ArtifactManifestEntry::kSkipCache, true);
  });
  const auto layout = message_of<StoragePolicyConfigItem>([&](auto& w) {
    w.text(StoragePolicyConfigItem::kKey, "storageLayout");
    w.text(StoragePolicyConfigItem::kValueJson, json_text("V2"));
  });
  const auto manifest = message_of<ArtifactManifest>([&](auto& w) {
    w.number(ArtifactManifest::kVersion, 1);
    w.text(ArtifactManifest::kStoragePolicy, "wandb-storage-policy-v1");
    w.message(ArtifactManifest::kStoragePolicyConfig, layout);
    w.message(ArtifactManifest::kContents, entry);
  });
  return {Record::kArtifact, message_of<ArtifactRecord>([&](auto& w) {
            w.text(ArtifactRecord::kRunId, artifact.run_id);
            w.text(ArtifactRecord::kProject, artifact.project);
            w.text(ArtifactRecord::kEntity, artifact.entity);
            w.text(ArtifactRecord::kType, artifact.type);
            w.text(ArtifactRecord::kName, artifact.name);
            w.text(ArtifactRecord::kDigest,
                   hex(md5_of("wandb-artifact-manifest-v1\n" + artifact.path +
                              ":" + digest + "\n")));
            w.text(ArtifactRecord::kMetadata, artifact.metadata);
            w.texts(ArtifactRecord::kAliases, artifact.aliases);
            w.message(ArtifactRecord::kManifest, manifest);
            w.flag(ArtifactRecord::kFinalize, true);
            w.text(ArtifactRecord::kClientId, artifact.client_id);
            w.text(ArtifactRecord::kSequenceClientId,
                   artifact.sequence_client_id);
            w.text(ArtifactRecord::kDigestAlgorithm, "MANIFEST_MD5");
          })};
}

Message exit_message(int32_t code, int32_t runtime) {
  return {Record::kExit, message_of<RunExitRecord>([&](auto& w) {
            w.number(RunExitRecord::kExitCode, code);
            w.number(RunExitRecord::kRuntime, runtime);
          })};
}

namespace {

// A field of a message, where it has it.
template <class Field>
std::optional<protozero::data_view> part(protozero::data_view message,
                                         Field field) {
  std::optional<protozero::data_view> found;
  protozero::pbf_message<Field> reader(message);
  while (reader.next()) {
    if (reader.tag() == field &&
        reader.wire_type() == protozero::pbf_wire_type::length_delimited) {
      found = reader.get_view();
    } else {
      reader.skip();
    }
  }
  return found;
}

// W&B's own tools write plain keys too.
Item item_of(protozero::data_view bytes) {
  Item item;
  protozero::pbf_message<HistoryItem> reader(bytes);
  while (reader.next()) {
    const HistoryItem tag = reader.tag();
    if (reader.wire_type() != protozero::pbf_wire_type::length_delimited) {
      reader.skip();
      continue;
    }
    std::string text = reader.get_string();
    if (tag == HistoryItem::kValueJson) {
      item.json = std::move(text);
    } else if (tag == HistoryItem::kKey || tag == HistoryItem::kNestedKey) {
      item.key.push_back(std::move(text));
    }
  }
  if (item.key.empty()) item.key.emplace_back();
  return item;
}

protozero::data_view view(std::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace

std::optional<int64_t> history_step(std::string_view record) try {
  const auto history = part(view(record), Record::kHistory);
  if (!history) return {};
  const auto step = part(*history, HistoryRecord::kStep);
  if (!step) return {};
  protozero::pbf_message<HistoryStep> reader(*step);
  int64_t number = 0;
  while (reader.next()) {
    if (reader.tag() == HistoryStep::kNum &&
        reader.wire_type() == protozero::pbf_wire_type::varint) {
      number = reader.get_int64();
    } else {
      reader.skip();
    }
  }
  return number;
} catch (const protozero::exception&) {
  return {};
}

Items history_items(std::string_view record) try {
  const auto history = part(view(record), Record::kHistory);
  if (!history) return {};
  Items items;
  protozero::pbf_message<HistoryRecord> reader(*history);
  while (reader.next()) {
    if (reader.tag() != HistoryRecord::kItem ||
        reader.wire_type() != protozero::pbf_wire_type::length_delimited) {
      reader.skip();
      continue;
    }
    items.push_back(item_of(reader.get_view()));
  }
  return items;
} catch (const protozero::exception&) {
  return {};
}

bool is_exit(std::string_view record) try {
  return part(view(record), Record::kExit).has_value();
} catch (const protozero::exception&) {
  return false;
}

}  // namespace bolt::detail::wandb
