#pragma once

#include <torchbolt/loggers/tensorboard_logger.h>
#include <torchbolt/trainer/histogram.h>
#include <torchbolt/trainer/logger.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

// The messages of TensorBoard's event files, as bytes. Numbers and types of
// their fields: docs/formats/tensorboard.md.

namespace bolt::detail {

/// When, and where on the x axis.
struct EventTime {
  double wall_time = 0;  // seconds since 1970
  int64_t step = 0;
};

/// What `source_metadata.writer` says in our files.
inline constexpr std::string_view kEventWriter = "torchbolt.events";

/// The first event of a file.
std::string version_event(double wall_time);
/// The start of a session: what an earlier session has of `step` and later is
/// not to be shown.
std::string start_event(EventTime time);
/// What the `add_…` below have put into a summary.
std::string summary_event(EventTime time, std::string_view summary);
std::string graph_event(EventTime time, std::string_view graph);

/// The page that shows a value. Told with the first value of a tag.
struct EventPlugin {
  enum class Class { kTensor = 2, kBlobs = 3 };

  std::string_view name{};
  Class data_class = Class::kTensor;
  std::string content{};
};

/// Tags are UTF-8.
void add_scalar(std::string& summary, std::string_view tag, double value);
void add_histogram(std::string& summary, std::string_view tag,
                   const Histogram& histogram);
/// `plugin` null: it was told.
/// @{
void add_strings(std::string& summary, std::string_view tag,
                 std::span<const std::string> values,
                 std::span<const int64_t> shape, const EventPlugin* plugin);
void add_floats(std::string& summary, std::string_view tag,
                std::span<const float> values, std::span<const int64_t> shape,
                const EventPlugin* plugin);
/// @}

/// A hyper-parameter as TensorBoard can show it.
using HParam = std::variant<bool, double, std::string>;
using HParams = std::vector<std::pair<std::string, HParam>>;

/// What is neither a number, a truth value nor text becomes text; what is no
/// UTF-8 in it is replaced.
HParams flat_hparams(const State& params);

/// The three summaries of the HParams page.
void add_experiment(std::string& summary, const HParams& hparams,
                    std::span<const std::string> metric_tags);
void add_session_start(std::string& summary, const HParams& hparams,
                       double wall_time);
void add_session_end(std::string& summary, LoggerStatus status,
                     double wall_time);

/// A node of the Graphs page.
struct GraphNode {
  std::string name{};  // with '/' between its levels
  std::string op{};
  std::vector<std::string> inputs{};
  std::vector<std::pair<std::string, std::string>> attributes{};
  /// Of what it gives, where it is known.
  std::vector<int64_t> shape{};
  bool has_shape = false;
};
std::string graph_def(const std::vector<GraphNode>& nodes);

/// The content of the tag "custom_scalars__config__".
std::string layout_bytes(const std::vector<ChartCategory>& categories);
/// The content of a PR curve's plugin data.
std::string pr_curve_content(int64_t thresholds);

}  // namespace bolt::detail
