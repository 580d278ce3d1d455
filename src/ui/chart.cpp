#include <torchbolt/ui/chart.h>
#include <torchbolt/ui/text.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>

#include "ui/axis.h"
#include "ui/canvas.h"
#include "ui/chart_parts.h"
#include "ui/pixel_canvas.h"
#include "ui/svg_canvas.h"

namespace bolt::ui {
namespace {

constexpr Ink kBlack{31, 41, 55};
constexpr Ink kGrey{107, 114, 128};
constexpr Ink kPale{229, 231, 235};
// Told apart by those who see red and green alike, too.
constexpr std::array<Ink, 8> kInks{{{37, 99, 235},
                                    {234, 88, 12},
                                    {22, 163, 74},
                                    {147, 51, 234},
                                    {220, 38, 38},
                                    {8, 145, 178},
                                    {202, 138, 4},
                                    {219, 39, 119}}};

constexpr double kTextSize = 13;
constexpr double kTitleSize = 15;
constexpr double kTickRoom = 62;  // left of a chart
constexpr double kPanelHeight = 280;
constexpr double kGap = 24;
constexpr double kLegendLine = 22;

struct Box {
  double left = 0;
  double top = 0;
  double width = 0;
  double height = 0;
};

Ink mixed(Ink ink, double white) {
  const auto mix = [white](uint8_t part) {
    return static_cast<uint8_t>(part + (255 - part) * white);
  };
  return {mix(ink.red), mix(ink.green), mix(ink.blue)};
}

void draw_curve(Canvas& canvas, const Box& box, const Axis& x, const Axis& y,
                const Curve& curve, Ink ink, double thickness) {
  std::vector<Point> line;
  const auto end_line = [&] {
    if (!line.empty()) canvas.line(line, ink, thickness);
    line.clear();
  };
  for (const Spot& spot : spots_of(curve, x, y, static_cast<int>(box.width))) {
    if (spot.gap) end_line();
    line.push_back(
        {box.left + spot.x * box.width, box.top + (1 - spot.y) * box.height});
  }
  end_line();
}

void draw_panel(Canvas& canvas, const Chart& chart, const Labels& labels,
                const Box& whole) {
  const Box box{whole.left + kTickRoom, whole.top + 2.2 * kTextSize,
                whole.width - kTickRoom - kTextSize,
                whole.height - 4.2 * kTextSize};
  const Plot plot(chart, static_cast<int>(box.height / 35));
  const Axis x = plot.x_axis(static_cast<int>(box.width / 90));
  const Axis& y = plot.y;
  canvas.text({box.left, whole.top + kTitleSize},
              cut(plot.title, static_cast<int>(box.width / (0.6 * kTitleSize))),
              Anchor::kStart, kTitleSize, kBlack);
  for (const double tick : y.ticks()) {
    const double at = box.top + (1 - y.place(tick)) * box.height;
    canvas.line({{box.left, at}, {box.left + box.width, at}}, kPale, 1);
    canvas.text({box.left - 7, at + kTextSize / 3}, y.label(tick), Anchor::kEnd,
                kTextSize, kGrey);
  }
  for (const double tick : x.ticks()) {
    const double at = box.left + x.place(tick) * box.width;
    canvas.line({{at, box.top + box.height}, {at, box.top + box.height + 4}},
                kGrey, 1);
    const std::string label = x.label(tick);
    const double half = 0.35 * kTextSize * static_cast<double>(label.size());
    canvas.text({std::min(at, whole.left + whole.width - half),
                 box.top + box.height + 1.6 * kTextSize},
                label, Anchor::kMiddle, kTextSize, kGrey);
  }
  canvas.line({{box.left, box.top + box.height},
               {box.left + box.width, box.top + box.height}},
              kGrey, 1);
  const auto ink_of = [&](const Curve& curve) {
    return kInks[labels.number_of(curve.label) % kInks.size()];
  };
  if (chart.smooth > 0) {
    for (const Curve& curve : chart.curves) {
      draw_curve(canvas, box, x, y, curve, mixed(ink_of(curve), 0.7), 1);
    }
  }
  for (const Curve& curve : plot.curves) {
    draw_curve(canvas, box, x, y, curve, ink_of(curve), 1.8);
  }
}

// Where all goes on a page of that width.
struct Page {
  Page(const std::vector<Chart>& charts, const PageOptions& options)
      : labels(charts), width(std::max(options.width, 200)) {
    columns = std::clamp(options.columns, 1,
                         std::max(static_cast<int>(charts.size()), 1));
    // Narrower ones say nothing.
    while (columns > 1 && width / columns < 300) --columns;
    legend = labels.count() > 1 ? legend_height() : 0;
    const int rows = (static_cast<int>(charts.size()) + columns - 1) / columns;
    height = static_cast<int>(legend + rows * (kPanelHeight + kGap) + kGap);
  }

  // Labels beside each other as long as there is room.
  template <class Put>
  double each_label(Put put) const {
    double x = kGap;
    double y = kGap;
    for (std::size_t k = 0; k < labels.count(); ++k) {
      const double needed = 32 + 0.65 * kTextSize * columns_of(labels[k]);
      if (x > kGap && x + needed > width) {
        x = kGap;
        y += kLegendLine;
      }
      put(k, x, y);
      x += needed + kGap;
    }
    return y;
  }
  double legend_height() const {
    return each_label([](std::size_t, double, double) {});
  }

  Labels labels;
  int width;
  int height = 0;
  int columns = 1;
  double legend = 0;
};

void draw_page(Canvas& canvas, const std::vector<Chart>& charts,
               const Page& page) {
  if (page.legend > 0) {
    page.each_label([&](std::size_t k, double x, double y) {
      canvas.line({{x, y - 4}, {x + 22, y - 4}}, kInks[k % kInks.size()], 3);
      canvas.text({x + 30, y}, page.labels[k], Anchor::kStart, kTextSize,
                  kBlack);
    });
  }
  const double width = page.width / static_cast<double>(page.columns);
  for (std::size_t k = 0; k < charts.size(); ++k) {
    const auto columns = static_cast<std::size_t>(page.columns);
    const auto row = static_cast<double>(k / columns);
    const auto column = static_cast<double>(k % columns);
    draw_panel(
        canvas, charts[k], page.labels,
        {column * width, page.legend + kGap + row * (kPanelHeight + kGap),
         width, kPanelHeight});
  }
}

}  // namespace

Labels::Labels(const std::vector<Chart>& charts) {
  for (const Chart& chart : charts) {
    for (const Curve& curve : chart.curves) {
      if (std::ranges::find(names_, curve.label) == names_.end()) {
        names_.push_back(curve.label);
      }
    }
  }
}

std::size_t Labels::number_of(const std::string& label) const {
  return static_cast<std::size_t>(std::ranges::find(names_, label) -
                                  names_.begin());
}

std::vector<double> smoothed(const std::vector<double>& values, double weight) {
  std::vector<double> out;
  out.reserve(values.size());
  double mean = 0;
  double unseen = 1;  // what of the beginning, which is 0, is still in it
  for (const double value : values) {
    if (!std::isfinite(value)) {
      out.push_back(value);
      continue;
    }
    mean = weight * mean + (1 - weight) * value;
    unseen *= weight;
    out.push_back(mean / (1 - unseen));
  }
  return out;
}

namespace {

std::vector<Curve> smooth_curves(const Chart& chart) {
  std::vector<Curve> curves = chart.curves;
  if (chart.smooth <= 0) return curves;
  for (Curve& curve : curves) curve.y = smoothed(curve.y, chart.smooth);
  return curves;
}

std::vector<const std::vector<double>*> lists_of(
    const std::vector<Curve>& curves, std::vector<double> Curve::* side) {
  std::vector<const std::vector<double>*> lists;
  for (const Curve& curve : curves) lists.push_back(&(curve.*side));
  return lists;
}

// Both the values and the smoothed ones: on a logarithmic axis these may be
// less than any of those.
std::vector<const std::vector<double>*> ys_of(const Chart& chart,
                                              const std::vector<Curve>& also) {
  auto lists = lists_of(chart.curves, &Curve::y);
  const auto more = lists_of(also, &Curve::y);
  lists.insert(lists.end(), more.begin(), more.end());
  return lists;
}

}  // namespace

Plot::Plot(const Chart& chart, int y_ticks)
    : curves(smooth_curves(chart)),
      y(ys_of(chart, curves), y_ticks, chart.log_y),
      title(chart.title) {
  const Axis x = x_axis(2);
  const bool seen = std::ranges::any_of(chart.curves, [&](const Curve& curve) {
    return !spots_of(curve, x, y, 1).empty();
  });
  if (!seen) {
    title += chart.log_y ? " (no positive value)" : " (no finite value)";
  }
}

Axis Plot::x_axis(int ticks) const {
  return {lists_of(curves, &Curve::x), ticks};
}

// Of many points in one column of pixels, those that leave a mark: the first,
// the least, the greatest and the last.
std::vector<Spot> spots_of(const Curve& curve, const Axis& x, const Axis& y,
                           int columns) {
  std::vector<Spot> spots;
  std::vector<Spot> here;
  const auto end_column = [&] {
    if (here.size() > 4) {
      auto [low, high] = std::ranges::minmax_element(here, {}, &Spot::y);
      if (high < low) std::swap(low, high);
      here = {here.front(), *low, *high, here.back()};
    }
    spots.insert(spots.end(), here.begin(), here.end());
    here.clear();
  };
  bool gap = true;
  double column = -1;
  for (std::size_t k = 0; k < std::min(curve.x.size(), curve.y.size()); ++k) {
    const Spot spot{x.place(curve.x[k]), y.place(curve.y[k]), gap};
    gap = std::isnan(spot.x) || std::isnan(spot.y);
    if (gap) continue;
    const double at = std::floor(spot.x * columns);
    if (at != column || spot.gap) end_column();
    column = at;
    here.push_back(spot);
  }
  end_column();
  return spots;
}

std::string charts_svg(const std::vector<Chart>& charts,
                       const PageOptions& options) {
  const Page page(charts, options);
  SvgCanvas canvas(page.width, page.height);
  draw_page(canvas, charts, page);
  return canvas.finish();
}

Pixels charts_pixels(const std::vector<Chart>& charts,
                     const PageOptions& options) {
  const Page page(charts, options);
  PixelCanvas canvas(page.width, page.height);
  draw_page(canvas, charts, page);
  return canvas.finish();
}

}  // namespace bolt::ui
