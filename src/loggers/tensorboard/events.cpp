#include "loggers/tensorboard/events.h"

#include <protozero/pbf_writer.hpp>

#include "loggers/flat_params.h"
#include "loggers/utf8_text.h"

namespace bolt::detail {
namespace {

using protozero::pbf_writer;

namespace event {
enum : protozero::pbf_tag_type {
  kWallTime = 1,
  kStep = 2,
  kFileVersion = 3,
  kGraphDef = 4,
  kSummary = 5,
  kSessionLog = 7,
  kSourceMetadata = 10,
};
}  // namespace event

namespace value {
enum : protozero::pbf_tag_type {
  kTag = 1,
  kSimpleValue = 2,
  kHisto = 5,
  kTensor = 8,
  kMetadata = 9,
};
}  // namespace value

namespace tensor {
enum : protozero::pbf_tag_type {
  kDtype = 1,
  kShape = 2,
  kFloatVal = 5,
  kStringVal = 8,
};
enum : int32_t { kFloat = 1, kString = 7 };
}  // namespace tensor

constexpr protozero::pbf_tag_type kSummaryValue = 1;

std::string begin_event(EventTime time) {
  std::string bytes;
  pbf_writer out(bytes);
  out.add_double(event::kWallTime, time.wall_time);
  if (time.step != 0) out.add_int64(event::kStep, time.step);
  return bytes;
}

void add_shape(pbf_writer& out, protozero::pbf_tag_type tag,
               std::span<const int64_t> shape) {
  pbf_writer message(out, tag);
  for (const int64_t size : shape) {
    pbf_writer dim(message, 2);
    dim.add_int64(1, size);
  }
}

void add_metadata(pbf_writer& out, std::string_view plugin, int data_class,
                  std::string_view content) {
  pbf_writer metadata(out, value::kMetadata);
  {
    pbf_writer data(metadata, 1);
    data.add_string(1, plugin.data(), plugin.size());
    if (!content.empty()) data.add_bytes(2, content.data(), content.size());
  }
  metadata.add_enum(4, data_class);
}

template <class Fill>
void add_value(std::string& summary, std::string_view tag,
               const EventPlugin* plugin, const Fill& fill) {
  pbf_writer out(summary);
  pbf_writer message(out, kSummaryValue);
  message.add_string(value::kTag, tag.data(), tag.size());
  fill(message);
  if (plugin != nullptr) {
    add_metadata(message, plugin->name, static_cast<int>(plugin->data_class),
                 plugin->content);
  }
}

// A summary of the HParams page: all is in the plugin's content.
void add_hparams_value(std::string& summary, std::string_view tag,
                       const std::string& content) {
  const EventPlugin plugin{.name = "hparams", .content = content};
  constexpr int64_t kNone[] = {0};
  add_floats(summary, tag, {}, kNone, &plugin);
}

void add_hparam_value(pbf_writer& out, protozero::pbf_tag_type tag,
                      const HParam& param) {
  pbf_writer message(out, tag);  // a google.protobuf.Value
  if (const auto* flag = std::get_if<bool>(&param)) {
    message.add_bool(4, *flag);
  } else if (const auto* number = std::get_if<double>(&param)) {
    message.add_double(2, *number);
  } else {
    message.add_string(3, std::get<std::string>(param));
  }
}

}  // namespace

std::string version_event(double wall_time) {
  std::string bytes = begin_event({.wall_time = wall_time});
  pbf_writer out(bytes);
  out.add_string(event::kFileVersion, "brain.Event:2");
  pbf_writer source(out, event::kSourceMetadata);
  source.add_string(1, kEventWriter.data(), kEventWriter.size());
  return bytes;
}

std::string start_event(EventTime time) {
  constexpr int kStart = 1;
  std::string bytes = begin_event(time);
  pbf_writer out(bytes);
  pbf_writer log(out, event::kSessionLog);
  log.add_enum(1, kStart);
  return bytes;
}

std::string summary_event(EventTime time, std::string_view summary) {
  std::string bytes = begin_event(time);
  pbf_writer out(bytes);
  out.add_message(event::kSummary, summary.data(), summary.size());
  return bytes;
}

std::string graph_event(EventTime time, std::string_view graph) {
  std::string bytes = begin_event(time);
  pbf_writer out(bytes);
  out.add_bytes(event::kGraphDef, graph.data(), graph.size());
  return bytes;
}

// The old form, which is torch's too: programs that read event files by
// themselves know it.
void add_scalar(std::string& summary, std::string_view tag, double value) {
  add_value(summary, tag, nullptr, [&](pbf_writer& out) {
    out.add_float(value::kSimpleValue, static_cast<float>(value));
  });
}

void add_histogram(std::string& summary, std::string_view tag,
                   const Histogram& histogram) {
  add_value(summary, tag, nullptr, [&](pbf_writer& out) {
    pbf_writer message(out, value::kHisto);
    // The outer limits, which readers take for the first and last bin's.
    if (histogram.limits.size() > 1) {
      message.add_double(1, histogram.limits.front());
      message.add_double(2, histogram.limits.back());
    }
    message.add_double(3, static_cast<double>(histogram.count));
    message.add_double(4, histogram.sum);
    message.add_double(5, histogram.sum_of_squares);
    const std::vector<double> counts(histogram.counts.begin(),
                                     histogram.counts.end());
    if (!counts.empty()) {
      message.add_packed_double(6, histogram.limits.begin() + 1,
                                histogram.limits.end());
    }
    message.add_packed_double(7, counts.begin(), counts.end());
  });
}

void add_strings(std::string& summary, std::string_view tag,
                 std::span<const std::string> values,
                 std::span<const int64_t> shape, const EventPlugin* plugin) {
  add_value(summary, tag, plugin, [&](pbf_writer& out) {
    pbf_writer message(out, value::kTensor);
    message.add_enum(tensor::kDtype, tensor::kString);
    add_shape(message, tensor::kShape, shape);
    for (const std::string& text : values) {
      message.add_bytes(tensor::kStringVal, text);
    }
  });
}

void add_floats(std::string& summary, std::string_view tag,
                std::span<const float> values, std::span<const int64_t> shape,
                const EventPlugin* plugin) {
  add_value(summary, tag, plugin, [&](pbf_writer& out) {
    pbf_writer message(out, value::kTensor);
    message.add_enum(tensor::kDtype, tensor::kFloat);
    add_shape(message, tensor::kShape, shape);
    message.add_packed_float(tensor::kFloatVal, values.begin(), values.end());
  });
}

HParams flat_hparams(const State& params) {
  HParams all;
  for (const auto& [name, value] : flat_params(params)) {
    const auto add = [&all, key = as_utf8(name)](HParam param) {
      all.emplace_back(key, std::move(param));
    };
    switch (value.kind()) {
      case State::Kind::kBool:
        add(value.as_bool());
        break;
      case State::Kind::kInt:
      case State::Kind::kDouble:
        add(value.as_double());
        break;
      case State::Kind::kString:
        add(as_utf8(value.as_string()));
        break;
      case State::Kind::kNone:
        add(std::string("None"));  // as Python says it
        break;
      default:
        add(as_utf8(value.to_string()));
    }
  }
  return all;
}

void add_experiment(std::string& summary, const HParams& hparams,
                    std::span<const std::string> metric_tags) {
  std::string content;
  {
    pbf_writer out(content);
    pbf_writer experiment(out, 2);
    for (const auto& [name, param] : hparams) {
      constexpr int kTypes[] = {2, 3, 1};  // bool, number, text
      pbf_writer info(experiment, 4);
      info.add_string(1, name);
      info.add_enum(4, kTypes[param.index()]);
    }
    for (const std::string& tag : metric_tags) {
      pbf_writer info(experiment, 5);
      pbf_writer name(info, 1);
      name.add_string(2, tag);
    }
  }
  add_hparams_value(summary, "_hparams_/experiment", content);
}

void add_session_start(std::string& summary, const HParams& hparams,
                       double wall_time) {
  std::string content;
  {
    pbf_writer out(content);
    pbf_writer start(out, 3);
    for (const auto& [name, param] : hparams) {
      pbf_writer entry(start, 1);
      entry.add_string(1, name);
      add_hparam_value(entry, 2, param);
    }
    start.add_double(5, wall_time);
  }
  add_hparams_value(summary, "_hparams_/session_start_info", content);
}

void add_session_end(std::string& summary, LoggerStatus status,
                     double wall_time) {
  constexpr int kSuccess = 1, kFailure = 2;
  std::string content;
  {
    pbf_writer out(content);
    pbf_writer end(out, 4);
    end.add_enum(1, status == LoggerStatus::kFailed ? kFailure : kSuccess);
    end.add_double(2, wall_time);
  }
  add_hparams_value(summary, "_hparams_/session_end_info", content);
}

std::string graph_def(const std::vector<GraphNode>& nodes) {
  std::string bytes;
  pbf_writer out(bytes);
  for (const GraphNode& node : nodes) {
    pbf_writer message(out, 1);
    message.add_string(1, as_utf8(node.name));
    message.add_string(2, as_utf8(node.op));
    for (const std::string& input : node.inputs) {
      message.add_string(3, as_utf8(input));
    }
    for (const auto& [name, text] : node.attributes) {
      pbf_writer entry(message, 5);
      entry.add_string(1, as_utf8(name));
      pbf_writer attribute(entry, 2);
      attribute.add_bytes(2, text);
    }
    if (!node.has_shape) continue;
    pbf_writer entry(message, 5);
    entry.add_string(1, "_output_shapes");
    pbf_writer attribute(entry, 2);
    pbf_writer list(attribute, 1);
    add_shape(list, 7, node.shape);
  }
  pbf_writer versions(out, 4);
  versions.add_int32(1, 22);  // the producer that torch names
  return bytes;
}

std::string layout_bytes(const std::vector<ChartCategory>& categories) {
  std::string bytes;
  pbf_writer out(bytes);
  for (const ChartCategory& category : categories) {
    pbf_writer message(out, 2);
    message.add_string(1, as_utf8(category.title));
    for (const CustomChart& chart : category.charts) {
      pbf_writer part(message, 2);
      part.add_string(1, as_utf8(chart.title));
      if (chart.bands.empty()) {
        pbf_writer lines(part, 2);
        for (const std::string& tag : chart.tags) {
          lines.add_string(1, as_utf8(tag));
        }
        continue;
      }
      pbf_writer margins(part, 3);
      for (const CustomChart::Band& band : chart.bands) {
        pbf_writer series(margins, 1);
        series.add_string(1, as_utf8(band.value));
        series.add_string(2, as_utf8(band.lower));
        series.add_string(3, as_utf8(band.upper));
      }
    }
    if (category.closed) message.add_bool(3, true);
  }
  return bytes;
}

std::string pr_curve_content(int64_t thresholds) {
  std::string bytes;
  pbf_writer out(bytes);
  out.add_uint32(2, static_cast<uint32_t>(thresholds));
  return bytes;
}

}  // namespace bolt::detail
