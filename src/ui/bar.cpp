#include <torchbolt/core/duration.h>
#include <torchbolt/ui/bar.h>
#include <torchbolt/ui/format.h>
#include <torchbolt/ui/text.h>

#include <algorithm>
#include <cmath>

namespace bolt::ui {
namespace {

constexpr int kMaxBar = 40;
constexpr int kMinBar = 5;
constexpr int kPulse = 3;

// As wide at the first batch as at the last.
std::string count_of(const BarState& state) {
  const std::string done = std::to_string(state.done);
  if (!state.total) return done + "/?";
  const std::string total = std::to_string(*state.total);
  return pad_left(done, static_cast<int>(total.size())) + "/" + total;
}

std::string times_of(const BarState& state) {
  std::string text = format_duration(state.elapsed);
  if (!state.total || state.done >= *state.total || state.rate <= 0) {
    return text;
  }
  const double left =
      static_cast<double>(*state.total - state.done) / state.rate;
  // More than a century is no forecast.
  if (left > 3e9) return text;
  return text + "<" +
         format_duration(
             std::chrono::nanoseconds(static_cast<int64_t>(left * 1e9)));
}

std::string joined(const std::vector<std::string>& items,
                   const std::string& delimiter) {
  std::string text;
  for (const std::string& item : items) {
    text += (text.empty() ? "" : delimiter) + item;
  }
  return text;
}

// A block that goes to and fro, for what has no known end.
std::string pulse(const BarState& state, int cells, const Style& style) {
  const int way = std::max(cells - kPulse, 1);
  const auto tick = static_cast<int>(
      state.elapsed / std::chrono::milliseconds(100) % (2 * way));
  const int before = std::min(tick, 2 * way - tick);
  const int block = std::min(kPulse, cells - before);
  const char* rest = style.unicode ? "─" : " ";
  const Theme& theme = style.theme;
  return painted(repeated(rest, before), theme.progress_bar_rest, style) +
         painted(repeated(style.unicode ? "━" : "=", block),
                 theme.progress_bar_pulse, style) +
         painted(repeated(rest, cells - before - block),
                 theme.progress_bar_rest, style);
}

std::string filled(const BarState& state, int cells, const Style& style) {
  const int64_t total = *state.total;
  const double share = total > 0 ? std::clamp(static_cast<double>(state.done) /
                                                  static_cast<double>(total),
                                              0.0, 1.0)
                                 : 1.0;
  const bool finished = state.done >= total;
  const int halves = static_cast<int>(std::floor(share * 2 * cells));
  std::string done = repeated(style.unicode ? "━" : "=", halves / 2);
  int rest = cells - halves / 2;
  if (rest > 0 && (halves % 2 == 1 || !style.unicode)) {
    done += style.unicode ? "╸" : ">";
    --rest;
  }
  const Theme& theme = style.theme;
  return painted(done,
                 finished ? theme.progress_bar_finished : theme.progress_bar,
                 style) +
         painted(repeated(style.unicode ? "─" : " ", rest),
                 theme.progress_bar_rest, style);
}

std::string gauge(const BarState& state, int columns, const Style& style) {
  const int cells = style.unicode ? columns : columns - 2;
  const std::string inner =
      state.total ? filled(state, cells, style) : pulse(state, cells, style);
  return style.unicode ? inner : "[" + inner + "]";
}

}  // namespace

std::vector<std::string> draw_bar(const BarState& state, int width,
                                  const Style& style) {
  const Theme& theme = style.theme;
  const std::string count = count_of(state);
  const std::string times = times_of(state);
  const std::string rate = format_rate(state.rate);
  if (columns_of(count) > width) return {cut(count, width, style.unicode)};

  int left = width - columns_of(count);
  const std::string label =
      cut(clean(state.label, style.unicode), left - 1, style.unicode);
  if (!label.empty()) left -= columns_of(label) + 1;
  const auto takes = [&](int columns) {
    const bool fits = columns > 0 && left >= columns + 1;
    if (fits) left -= columns + 1;
    return fits;
  };
  const bool with_gauge = takes(kMinBar);
  const bool with_times = takes(columns_of(times));
  const bool with_rate = takes(columns_of(rate));
  const std::string metrics =
      clean(joined(state.metrics, theme.metrics_text_delimiter), style.unicode);
  const bool with_metrics = takes(columns_of(metrics));
  const int cells = std::min(kMinBar + left, kMaxBar);

  std::string line = painted(label, theme.description, style);
  const auto add = [&](const std::string& text) {
    line += (line.empty() ? "" : " ") + text;
  };
  if (with_gauge) add(gauge(state, cells, style));
  add(painted(count, theme.batch_progress, style));
  if (with_times) add(painted(times, theme.time, style));
  if (with_rate) add(painted(rate, theme.processing_speed, style));
  if (with_metrics) add(painted(metrics, theme.metrics, style));
  std::vector<std::string> lines{line};
  if (!with_metrics && !metrics.empty()) {
    lines.push_back(
        painted(cut(metrics, width, style.unicode), theme.metrics, style));
  }
  return lines;
}

std::string describe(const BarState& state) {
  std::string line =
      clean(state.label) + " " + count_of(state) + " " + times_of(state);
  if (const std::string rate = format_rate(state.rate); !rate.empty()) {
    line += " " + rate;
  }
  if (!state.metrics.empty()) line += " " + clean(joined(state.metrics, " "));
  return line;
}

}  // namespace bolt::ui
