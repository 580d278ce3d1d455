#include <torchbolt/core/duration.h>
#include <torchbolt/core/number.h>
#include <torchbolt/ui/bar.h>

#include <algorithm>
#include <array>
#include <cstdio>

namespace bolt::ui {
namespace {

constexpr int kMaxBar = 40;
constexpr int kMinBar = 4;

double rate_of(const BarState& state) {
  const double seconds = std::chrono::duration<double>(state.elapsed).count();
  return seconds > 0 ? static_cast<double>(state.done) / seconds : 0;
}

std::string count_of(const BarState& state) {
  return std::to_string(state.done) + "/" +
         (state.total ? std::to_string(*state.total) : "?");
}

std::string times_of(const BarState& state) {
  std::string text = format_duration(state.elapsed);
  const double rate = rate_of(state);
  if (state.total && rate > 0 && state.done < *state.total) {
    const std::chrono::duration<double> left(
        static_cast<double>(*state.total - state.done) / rate);
    text +=
        "<" + format_duration(
                  std::chrono::duration_cast<std::chrono::nanoseconds>(left));
  }
  std::array<char, 32> speed{};
  std::snprintf(speed.data(), speed.size(), " %.1fit/s", rate);
  return text + speed.data();
}

std::string repeated(const char* glyph, int times) {
  std::string text;
  for (int k = 0; k < times; ++k) text += glyph;
  return text;
}

std::string gauge(const BarState& state, int cells, bool colour) {
  const double share =
      state.total && *state.total > 0
          ? std::min(1.0, static_cast<double>(state.done) /
                              static_cast<double>(*state.total))
          : 0.0;
  const int full = static_cast<int>(share * cells);
  const std::string done = repeated("━", full);
  const std::string rest = repeated("─", cells - full);
  return colour ? "\x1b[32m" + done + "\x1b[90m" + rest + "\x1b[0m"
                : done + rest;
}

// Cuts text to so many columns; UTF-8 sequences stay whole.
std::string cut(const std::string& text, int columns) {
  std::string out;
  int used = 0;
  for (std::size_t k = 0; k < text.size();) {
    std::size_t end = k + 1;
    while (end < text.size() && (text[end] & 0xc0) == 0x80) ++end;
    if (used++ == columns) break;
    out.append(text, k, end - k);
    k = end;
  }
  return out;
}

int columns_of(const std::string& text) {
  return static_cast<int>(
      std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace

std::string draw_bar(const BarState& state, int width, bool colour) {
  const std::string after = " " + count_of(state) + " " + times_of(state);
  const int fixed = columns_of(state.label) + 1 + columns_of(after);
  const int for_metrics =
      state.metrics.empty() ? 0 : columns_of(state.metrics) + 1;
  const int cells = std::clamp(width - fixed - for_metrics, kMinBar, kMaxBar);
  if (fixed + cells > width) return cut(state.label + after, width);
  std::string line = state.label + " " + gauge(state, cells, colour) + after;
  const int left = width - fixed - cells - 1;
  if (!state.metrics.empty() && left > 0)
    line += " " + cut(state.metrics, left);
  return line;
}

std::string describe(const BarState& state) {
  std::string line =
      state.label + " " + count_of(state) + " " + times_of(state);
  if (!state.metrics.empty()) line += " " + state.metrics;
  return line;
}

}  // namespace bolt::ui
