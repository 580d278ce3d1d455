#pragma once

#include <torchbolt/core/files.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <protozero/pbf_reader.hpp>
#include <string>
#include <vector>

#include "loggers/tensorboard/tfrecord.h"

namespace bolt::testing {

/// An event of a TensorBoard file, read by other code than wrote it.
struct Event {
  double wall_time = 0;
  int64_t step = 0;
  std::string version{};
  std::string writer{};
  std::optional<int> session{};
  std::string graph{};
  std::map<std::string, float> scalars{};
  /// The other values, and the page that is said for a tag.
  std::map<std::string, std::string> values{};
  std::map<std::string, std::string> plugins{};
};

inline void read_value(protozero::pbf_reader value, Event& event) {
  std::string tag;
  while (value.next()) {
    if (value.tag() == 1) {
      tag = value.get_string();
    } else if (value.tag() == 2) {
      event.scalars[tag] = value.get_float();
    } else if (value.tag() == 9) {
      protozero::pbf_reader metadata = value.get_message();
      if (!metadata.next(1)) continue;
      protozero::pbf_reader data = metadata.get_message();
      if (data.next(1)) event.plugins[tag] = data.get_string();
    } else {
      const auto bytes = value.get_view();
      event.values[tag] = std::string(bytes.data(), bytes.size());
    }
  }
}

inline Event read_event(std::string_view bytes) {
  Event event;
  protozero::pbf_reader reader(bytes.data(), bytes.size());
  while (reader.next()) {
    switch (reader.tag()) {
      case 1:
        event.wall_time = reader.get_double();
        break;
      case 2:
        event.step = reader.get_int64();
        break;
      case 3:
        event.version = reader.get_string();
        break;
      case 4:
        event.graph = reader.get_bytes();
        break;
      case 5: {
        protozero::pbf_reader summary = reader.get_message();
        while (summary.next(1)) read_value(summary.get_message(), event);
        break;
      }
      case 7: {
        protozero::pbf_reader log = reader.get_message();
        if (log.next(1)) event.session = log.get_enum();
        break;
      }
      case 10: {
        protozero::pbf_reader source = reader.get_message();
        if (source.next(1)) event.writer = source.get_string();
        break;
      }
      default:
        reader.skip();
    }
  }
  return event;
}

/// Event files of a folder, in the order of their names.
inline std::vector<std::filesystem::path> event_files(
    const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().filename().string().find("tfevents") !=
        std::string::npos) {
      files.push_back(entry.path());
    }
  }
  std::ranges::sort(files);
  return files;
}

/// The events of a folder's files, one after the other.
inline std::vector<Event> read_events(const std::filesystem::path& folder) {
  std::vector<Event> events;
  for (const auto& path : event_files(folder)) {
    const std::string bytes = read_file(path);
    for (const auto record : detail::read_tfrecords(bytes).contents) {
      events.push_back(read_event(record));
    }
  }
  return events;
}

/// Steps and values of a tag, in the order of the files.
inline std::vector<std::pair<int64_t, float>> scalars(
    const std::filesystem::path& folder, const std::string& tag) {
  std::vector<std::pair<int64_t, float>> all;
  for (const Event& event : read_events(folder)) {
    if (const auto found = event.scalars.find(tag);
        found != event.scalars.end()) {
      all.emplace_back(event.step, found->second);
    }
  }
  return all;
}

}  // namespace bolt::testing
