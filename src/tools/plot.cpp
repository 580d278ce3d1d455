#include "tools/plot.h"

#include <ATen/ATen.h>
#include <fnmatch.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>
#include <torchbolt/core/log.h>
#include <torchbolt/data/png.h>
#include <torchbolt/loggers/logged_metrics.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <system_error>
#include <utility>

namespace bolt::tools {
namespace {

namespace fs = std::filesystem;

struct Run {
  fs::path path{};
  std::string label{};
  LoggedMetrics metrics{};
};

// Numbers in names by their value: version_2 before version_10.
bool comes_first(const std::string& a, const std::string& b) {
  const auto digit = [](char c) {
    return std::isdigit(static_cast<unsigned char>(c)) != 0;
  };
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() && j < b.size()) {
    if (!digit(a[i]) || !digit(b[j])) {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i, ++j;
      continue;
    }
    const auto number = [&](const std::string& text, std::size_t& at) {
      const std::size_t begin = at;
      while (at < text.size() && digit(text[at])) ++at;
      std::string digits = text.substr(begin, at - begin);
      digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
      return std::pair(digits.size(), digits);
    };
    const auto left = number(a, i);
    const auto right = number(b, j);
    if (left != right) return left < right;
  }
  return a.size() - i < b.size() - j;
}

// A run, or those in the folders of this one.
std::vector<fs::path> runs_in(const fs::path& path) {
  if (has_logged_metrics(path)) return {path};
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(path, error)) {
    // A link is another name of one that is there, too.
    if (entry.is_directory(error) && !entry.is_symlink(error) &&
        has_logged_metrics(entry.path())) {
      found.push_back(entry.path());
    }
  }
  std::ranges::sort(found, [](const fs::path& a, const fs::path& b) {
    return comes_first(a.filename().string(), b.filename().string());
  });
  // The error names it.
  return found.empty() ? std::vector<fs::path>{path} : found;
}

// Of the runs of a folder, one that can't be read is left out; all of them
// can't be.
void add_runs(const fs::path& path, std::vector<Run>& runs) {
  const std::vector<fs::path> found = runs_in(path);
  std::size_t wrong = 0;
  for (const fs::path& run : found) {
    try {
      runs.push_back({.path = run, .metrics = read_logged_metrics(run)});
    } catch (const Error& error) {
      if (++wrong == found.size()) throw;
      log_warning("[plot] a run is left out: " + std::string(error.what()));
    }
  }
}

// As much of the paths' ends as tells them apart.
void name_runs(std::vector<Run>& runs) {
  std::vector<fs::path> left;
  for (Run& run : runs) {
    std::error_code error;
    fs::path whole = fs::canonical(run.path, error);
    if (error) whole = fs::absolute(run.path);
    run.label = whole.filename().string();
    left.push_back(whole.parent_path());
  }
  while (true) {
    std::map<std::string, int> times;
    for (const Run& run : runs) ++times[run.label];
    bool longer = false;
    for (std::size_t k = 0; k < runs.size(); ++k) {
      if (times[runs[k].label] == 1 || !left[k].has_filename()) continue;
      runs[k].label = left[k].filename().string() + "/" + runs[k].label;
      left[k] = left[k].parent_path();
      longer = true;
    }
    if (!longer) return;
  }
}

bool fits(const PlotOptions& options, const std::string& name) {
  if (options.metrics.empty()) return name != "epoch";
  return std::ranges::any_of(options.metrics, [&](const std::string& pattern) {
    return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
  });
}

ui::Curve curve_of(const std::string& label, const LoggedMetric& metric) {
  ui::Curve curve{.label = label, .y = metric.values};
  curve.x.assign(metric.steps.begin(), metric.steps.end());
  return curve;
}

[[noreturn]] void refuse(const PlotOptions& options,
                         const std::set<std::string>& names) {
  if (names.empty()) {
    std::string paths;
    for (const auto& path : options.runs) {
      paths += (paths.empty() ? "" : ", ") + path.string();
    }
    throw ConfigError({.where = "plot",
                       .what = "there is nothing to draw yet: no metric was "
                               "logged",
                       .got = paths});
  }
  std::string known;
  for (const std::string& name : names) {
    known += (known.empty() ? "" : ", ") + name;
  }
  const std::string wanted =
      options.metrics.empty() ? "" : options.metrics.front();
  const std::string near = did_you_mean(wanted, {names.begin(), names.end()});
  throw ConfigError({.where = "plot",
                     .what = "no run has such a metric",
                     .got = wanted,
                     .expected = known.empty() ? "" : "one of: " + known,
                     .tip = near.empty() ? "" : "--metric " + near});
}

}  // namespace

std::vector<ui::Chart> plot_charts(const PlotOptions& options) {
  std::vector<Run> runs;
  for (const auto& path : options.runs) add_runs(path, runs);
  name_runs(runs);
  std::set<std::string> names;
  for (const Run& run : runs) {
    for (const auto& entry : run.metrics) names.insert(entry.first);
  }
  std::vector<ui::Chart> charts;
  for (const std::string& name : names) {
    if (!fits(options, name)) continue;
    ui::Chart chart{
        .title = name, .smooth = options.smooth, .log_y = options.log_y};
    for (const Run& run : runs) {
      const auto found = run.metrics.find(name);
      if (found == run.metrics.end()) continue;
      chart.curves.push_back(curve_of(run.label, found->second));
    }
    charts.push_back(std::move(chart));
  }
  if (charts.empty()) refuse(options, names);
  return charts;
}

void write_charts(const std::vector<ui::Chart>& charts,
                  const std::filesystem::path& path, int width) {
  const ui::PageOptions page{.width = width};
  if (path.extension() == ".svg") {
    write_atomic(path, ui::charts_svg(charts, page));
  } else if (path.extension() == ".png") {
    ui::Pixels pixels = ui::charts_pixels(charts, page);
    const at::Tensor image = at::from_blob(
        pixels.rgb.data(), {pixels.height, pixels.width, 3}, at::kByte);
    write_png(path, image.permute({2, 0, 1}));
  } else {
    throw ConfigError({.where = "plot",
                       .what = "the picture's name has another end",
                       .got = path.string(),
                       .expected = ".svg or .png"});
  }
}

}  // namespace bolt::tools
