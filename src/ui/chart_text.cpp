#include <torchbolt/ui/chart.h>
#include <torchbolt/ui/text.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "ui/axis.h"
#include "ui/chart_parts.h"

namespace bolt::ui {
namespace {

constexpr std::array kColours{Colour::kBlue,    Colour::kYellow, Colour::kGreen,
                              Colour::kMagenta, Colour::kRed,    Colour::kCyan};
// Where there is no Unicode, curves have letters instead of dots.
constexpr std::array kMarks{'*', '+', 'o', 'x', '#', '@'};
constexpr int kNarrowest = 10;
constexpr int kLowest = 3;

Colour colour_of(std::size_t number) {
  return kColours[number % kColours.size()];
}

// Characters, each of 2 × 4 dots.
class Dots {
 public:
  Dots(int columns, int rows, bool fine)
      : columns_(columns),
        rows_(rows),
        across_(fine ? 2 : 1),
        down_(fine ? 4 : 1),
        cells_(static_cast<std::size_t>(columns) *
               static_cast<std::size_t>(rows)) {}

  int width() const { return columns_ * across_; }

  void draw(const std::vector<Spot>& spots, std::size_t number) {
    int before_x = 0;
    int before_y = 0;
    for (const Spot& spot : spots) {
      const int x = static_cast<int>(std::lround(spot.x * (width() - 1)));
      const int y =
          static_cast<int>(std::lround((1 - spot.y) * (rows_ * down_ - 1)));
      if (spot.gap) {
        before_x = x;
        before_y = y;
      }
      join(before_x, before_y, x, y, number);
      before_x = x;
      before_y = y;
    }
  }

  std::string row(int y, const Style& style) const {
    std::string line;
    for (int x = 0; x < columns_; ++x) {
      const Cell& cell = cells_[index(x, y)];
      if (cell.dots == 0) {
        line += ' ';
      } else if (across_ == 1) {
        line += kMarks[cell.number % kMarks.size()];
      } else {
        line += painted(braille(cell.dots), colour_of(cell.number), style);
      }
    }
    return line;
  }

 private:
  struct Cell {
    uint8_t dots = 0;
    std::size_t number = 0;
  };

  std::size_t index(int column, int row) const {
    return static_cast<std::size_t>(row) * static_cast<std::size_t>(columns_) +
           static_cast<std::size_t>(column);
  }

  static std::string braille(uint8_t dots) {
    const int code = 0x2800 + dots;
    return {static_cast<char>(0xe2),
            static_cast<char>(0x80 | (code >> 6 & 0x3f)),
            static_cast<char>(0x80 | (code & 0x3f))};
  }

  void set(int x, int y, std::size_t number) {
    // Unicode counts the dots down the left column, then the right, and the
    // lowest two at last.
    constexpr std::array<std::array<uint8_t, 2>, 4> kBits{
        {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}};
    Cell& cell = cells_[index(x / across_, y / down_)];
    cell.dots |= kBits[static_cast<std::size_t>(y % down_)]
                      [static_cast<std::size_t>(x % across_)];
    cell.number = number;
  }

  void join(int x0, int y0, int x1, int y1, std::size_t number) {
    const int steps = std::max({std::abs(x1 - x0), std::abs(y1 - y0), 1});
    for (int k = 0; k <= steps; ++k) {
      const double part = static_cast<double>(k) / steps;
      set(static_cast<int>(std::lround(x0 + part * (x1 - x0))),
          static_cast<int>(std::lround(y0 + part * (y1 - y0))), number);
    }
  }

  int columns_;
  int rows_;
  int across_;
  int down_;
  std::vector<Cell> cells_;
};

// Ticks' names below an axis, each under its place, as far as they don't meet.
std::string tick_line(const Axis& x, int margin, int columns) {
  std::string line(static_cast<std::size_t>(margin), ' ');
  for (const double tick : x.ticks()) {
    const std::string name = x.label(tick);
    const int size = static_cast<int>(name.size());
    int at = margin +
             static_cast<int>(std::lround(x.place(tick) * (columns - 1))) -
             size / 2;
    at = std::min(std::max(at, margin), margin + columns - size);
    if (at < static_cast<int>(line.size()) +
                 (static_cast<int>(line.size()) > margin ? 2 : 0)) {
      continue;
    }
    line.resize(static_cast<std::size_t>(at), ' ');
    line += name;
  }
  return line;
}

// Labels beside each other as long as there is room.
std::vector<std::string> legend(const Labels& labels, int width,
                                const Style& style) {
  constexpr int kSpace = 3;
  std::vector<std::string> lines(1);
  int used = 0;
  for (std::size_t k = 0; k < labels.count(); ++k) {
    const std::string mark =
        style.unicode ? "━━" : std::string(1, kMarks[k % kMarks.size()]);
    const int before = columns_of(mark) + 1;
    const std::string label =
        cut(clean(labels[k], style.unicode), width - before, style.unicode);
    const int needed = before + columns_of(label);
    if (used > 0 && used + kSpace + needed > width) {
      lines.emplace_back();
      used = 0;
    }
    if (used > 0) lines.back() += repeated(" ", kSpace);
    lines.back() += painted(mark, colour_of(k), style) + " " + label;
    used += (used > 0 ? kSpace : 0) + needed;
  }
  return lines;
}

void add_chart(std::vector<std::string>& lines, const Chart& chart,
               const Labels& labels, int width, int height,
               const Style& style) {
  const int rows = std::max(height - 3, kLowest);  // title, axis, its ticks
  const Plot plot(chart, rows / 2);
  const Axis& y = plot.y;
  std::vector<std::string> names(static_cast<std::size_t>(rows));
  int margin = 0;
  for (const double tick : y.ticks()) {
    const auto row =
        static_cast<std::size_t>(std::lround((1 - y.place(tick)) * (rows - 1)));
    names[row] =
        cut(y.label(tick), std::max(width - kNarrowest - 1, 0), style.unicode);
    margin = std::max(margin, columns_of(names[row]));
  }
  const int columns = std::max(width - margin - 1, kNarrowest);
  const Axis x = plot.x_axis(std::max(columns / 12, 2));
  Dots dots(columns, rows, style.unicode);
  for (const Curve& curve : plot.curves) {
    dots.draw(spots_of(curve, x, y, dots.width()),
              labels.number_of(curve.label));
  }
  const std::string space(static_cast<std::size_t>(margin), ' ');
  lines.push_back(
      space + " " +
      cut(clean(plot.title, style.unicode), columns, style.unicode));
  const char* side = style.unicode ? "│" : "|";
  const char* tooth = style.unicode ? "┤" : "+";
  for (int row = 0; row < rows; ++row) {
    const std::string& name = names[static_cast<std::size_t>(row)];
    const std::string left =
        pad_left(name, margin) + (name.empty() ? side : tooth);
    lines.push_back(painted(left, Colour::kGrey, style) + dots.row(row, style));
  }
  const std::string axis = space + (style.unicode ? "└" : "+") +
                           repeated(style.unicode ? "─" : "-", columns);
  lines.push_back(painted(axis, Colour::kGrey, style));
  lines.push_back(
      painted(tick_line(x, margin + 1, columns), Colour::kGrey, style));
}

}  // namespace

std::vector<std::string> draw_charts(const std::vector<Chart>& charts,
                                     int width, int height,
                                     const Style& style) {
  std::vector<std::string> lines;
  const Labels labels(charts);
  if (labels.count() > 1) lines = legend(labels, width, style);
  for (const Chart& chart : charts) {
    if (!lines.empty()) lines.emplace_back();
    add_chart(lines, chart, labels, width, height, style);
  }
  return lines;
}

}  // namespace bolt::ui
