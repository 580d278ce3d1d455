#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>

#include <cstring>
#include <optional>
#include <protozero/pbf_reader.hpp>
#include <string>
#include <utility>
#include <vector>

#include "loggers/read/readers.h"
#include "loggers/tensorboard/tfrecord.h"

namespace bolt::detail {
namespace {

using protozero::data_view;
using protozero::pbf_reader;
using protozero::pbf_wire_type;

// Fields of the messages, as docs/formats/tensorboard.md has them.
constexpr int kStep = 2, kSummary = 5, kSessionLog = 7;           // Event
constexpr int kStatus = 1, kStart = 1;                            // SessionLog
constexpr int kValue = 1;                                         // Summary
constexpr int kTag = 1, kSimple = 2, kTensor = 8;                 // Value
constexpr int kDtype = 1, kContent = 4, kFloat = 5, kDouble = 6;  // Tensor
constexpr int kIsFloat = 1, kIsDouble = 2;                        // its types

template <class T>
std::optional<double> packed(const data_view& bytes) {
  if (bytes.size() != sizeof(T)) return {};
  T value{};
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

// Of a tensor that is one number.
std::optional<double> number_in(const data_view& tensor) {
  pbf_reader field(tensor);
  int64_t type = 0;
  std::optional<double> value;
  while (field.next()) {
    const auto tag = static_cast<int>(field.tag());
    if (tag == kDtype && field.wire_type() == pbf_wire_type::varint) {
      type = field.get_int64();
    } else if (tag == kFloat && field.wire_type() == pbf_wire_type::fixed32) {
      value = field.get_float();
    } else if (tag == kDouble && field.wire_type() == pbf_wire_type::fixed64) {
      value = field.get_double();
    } else if (field.wire_type() == pbf_wire_type::length_delimited) {
      const data_view bytes = field.get_view();
      if (tag == kFloat || (tag == kContent && type == kIsFloat)) {
        value = packed<float>(bytes);
      } else if (tag == kDouble || (tag == kContent && type == kIsDouble)) {
        value = packed<double>(bytes);
      }
    } else {
      field.skip();
    }
  }
  return value;
}

void add_value(const data_view& bytes, int64_t step, LoggedMetrics& metrics) {
  pbf_reader field(bytes);
  std::string name;
  std::optional<double> value;
  while (field.next()) {
    const auto tag = static_cast<int>(field.tag());
    if (tag == kTag && field.wire_type() == pbf_wire_type::length_delimited) {
      name = field.get_string();
    } else if (tag == kSimple && field.wire_type() == pbf_wire_type::fixed32) {
      value = field.get_float();
    } else if (tag == kTensor &&
               field.wire_type() == pbf_wire_type::length_delimited) {
      value = number_in(field.get_view());
    } else {
      field.skip();
    }
  }
  if (!value) return;
  metrics[name].steps.push_back(step);
  metrics[name].values.push_back(*value);
}

bool begins_session(const data_view& log) {
  pbf_reader field(log);
  while (field.next()) {
    if (static_cast<int>(field.tag()) == kStatus &&
        field.wire_type() == pbf_wire_type::varint) {
      return field.get_int64() == kStart;
    }
    field.skip();
  }
  return false;
}

void take_back(int64_t from, LoggedMetrics& metrics) {
  for (auto& [name, metric] : metrics) {
    LoggedMetric kept;
    for (std::size_t k = 0; k < metric.steps.size(); ++k) {
      if (metric.steps[k] >= from) continue;
      kept.steps.push_back(metric.steps[k]);
      kept.values.push_back(metric.values[k]);
    }
    metric = std::move(kept);
  }
}

void add_event(std::string_view event, LoggedMetrics& metrics) {
  pbf_reader field(event.data(), event.size());
  int64_t step = 0;
  std::vector<data_view> summaries;
  bool begins = false;
  while (field.next()) {
    const auto tag = static_cast<int>(field.tag());
    if (tag == kStep && field.wire_type() == pbf_wire_type::varint) {
      step = field.get_int64();
    } else if (field.wire_type() == pbf_wire_type::length_delimited) {
      const data_view bytes = field.get_view();
      if (tag == kSummary) summaries.push_back(bytes);
      if (tag == kSessionLog) begins = begins || begins_session(bytes);
    } else {
      field.skip();
    }
  }
  if (begins) take_back(step, metrics);
  for (const data_view& summary : summaries) {
    pbf_reader values(summary);
    while (values.next()) {
      if (static_cast<int>(values.tag()) == kValue &&
          values.wire_type() == pbf_wire_type::length_delimited) {
        add_value(values.get_view(), step, metrics);
      } else {
        values.skip();
      }
    }
  }
}

}  // namespace

void read_event_metrics(const std::filesystem::path& path,
                        LoggedMetrics& metrics) try {
  const std::string file = read_file(path);
  for (const std::string_view event : read_tfrecords(file).contents) {
    add_event(event, metrics);
  }
  std::erase_if(metrics,
                [](const auto& entry) { return entry.second.steps.empty(); });
} catch (const protozero::exception& error) {
  throw DataError({.where = path.string(),
                   .what = "this is no event file of TensorBoard",
                   .got = error.what()});
}

}  // namespace bolt::detail
