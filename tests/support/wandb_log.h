#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <protozero/pbf_message.hpp>
#include <string>
#include <vector>

#include "core/byte_source.h"
#include "loggers/wandb/log_reader.h"
#include "loggers/wandb/tags.h"

namespace bolt::testing {

/// What is in a log of W&B, as JSON by names.
struct WandbLog {
  using Values = std::map<std::string, std::string>;

  explicit WandbLog(const std::filesystem::path& path) {
    const detail::InputFile file("test", path);
    detail::wandb::LogReader reader(file);
    for (std::string record; reader.next(record);) add(record);
  }

  std::vector<Values> rows{};
  Values config{};
  Values summary{};
  std::vector<std::string> files{};
  /// name:alias,alias: and the path of the copy.
  std::vector<std::pair<std::string, std::string>> artifacts{};
  std::vector<int64_t> exits{};
  std::string run_id{};
  int64_t starting_step = 0;
  std::string remote_url{};
  std::string commit{};

  /// One value of all rows that have it.
  std::vector<std::string> column(const std::string& name) const {
    std::vector<std::string> values;
    for (const Values& row : rows) {
      if (row.contains(name)) values.push_back(row.at(name));
    }
    return values;
  }

 private:
  // A reader forgets its tag when the value is read.
  template <class Field>
  struct Part {
    Field tag{};
    protozero::pbf_message<Field>& reader;
    auto view() { return reader.get_view(); }
    std::string text() { return reader.get_string(); }
    int64_t number() { return reader.get_int64(); }
    void skip() { reader.skip(); }
  };

  template <class Field, class Visit>
  static void each(const protozero::data_view& bytes, Visit visit) {
    protozero::pbf_message<Field> reader(bytes);
    while (reader.next()) visit(Part<Field>{reader.tag(), reader});
  }

  // ConfigItem, SummaryItem and HistoryItem are alike.
  static void add_item(const protozero::data_view& bytes, Values& to) {
    using detail::wandb::HistoryItem;
    std::string name;
    std::string json;
    each<HistoryItem>(bytes, [&](auto field) {
      const std::string text = field.text();
      if (field.tag == HistoryItem::kValueJson) {
        json = text;
      } else {
        name += (name.empty() ? "" : ".") + text;
      }
    });
    to[name] = json;
  }

  void add(const std::string& record) {
    using namespace detail::wandb;
    each<Record>(record, [&](auto field) {
      switch (field.tag) {
        case Record::kRun:
          add_run(field.view());
          break;
        case Record::kConfig:
          each<ConfigRecord>(field.view(), [&](auto update) {
            add_item(update.view(), config);
          });
          break;
        case Record::kSummary:
          each<SummaryRecord>(field.view(), [&](auto update) {
            add_item(update.view(), summary);
          });
          break;
        case Record::kHistory:
          rows.emplace_back();
          each<HistoryRecord>(field.view(), [&](auto item) {
            if (item.tag != HistoryRecord::kItem) return item.skip();
            add_item(item.view(), rows.back());
          });
          break;
        case Record::kFiles:
          each<FilesRecord>(field.view(), [&](auto item) {
            each<FilesItem>(item.view(),
                            [&](auto path) { files.push_back(path.text()); });
          });
          break;
        case Record::kArtifact:
          add_artifact(field.view());
          break;
        case Record::kExit:
          exits.push_back(0);
          each<RunExitRecord>(field.view(), [&](auto part) {
            const int64_t number = part.number();
            if (part.tag == RunExitRecord::kExitCode) exits.back() = number;
          });
          break;
        default:
          field.skip();
      }
    });
  }

  void add_run(const protozero::data_view& bytes) {
    using detail::wandb::RunRecord;
    each<RunRecord>(bytes, [&](auto field) {
      if (field.tag == RunRecord::kRunId) {
        run_id = field.text();
      } else if (field.tag == RunRecord::kStartingStep) {
        starting_step = field.number();
      } else if (field.tag == RunRecord::kGit) {
        add_git(field.view());
      } else {
        field.skip();
      }
    });
  }

  void add_git(const protozero::data_view& bytes) {
    using detail::wandb::GitRepoRecord;
    each<GitRepoRecord>(bytes, [&](auto field) {
      (field.tag == GitRepoRecord::kCommit ? commit : remote_url) =
          field.text();
    });
  }

  void add_artifact(const protozero::data_view& bytes) {
    using namespace detail::wandb;
    std::string name;
    std::string path;
    each<ArtifactRecord>(bytes, [&](auto field) {
      if (field.tag == ArtifactRecord::kName) {
        name = field.text() + ":" + name;
      } else if (field.tag == ArtifactRecord::kAliases) {
        name += field.text() + ",";
      } else if (field.tag == ArtifactRecord::kManifest) {
        each<ArtifactManifest>(field.view(), [&](auto part) {
          if (part.tag != ArtifactManifest::kContents) return part.skip();
          each<ArtifactManifestEntry>(part.view(), [&](auto entry) {
            if (entry.tag != ArtifactManifestEntry::kLocalPath) {
              return entry.skip();
            }
            path = entry.text();
          });
        });
      } else {
        field.skip();
      }
    });
    artifacts.emplace_back(name, path);
  }
};

}  // namespace bolt::testing
