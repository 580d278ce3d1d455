#pragma once

#include <torchbolt/ui/chart.h>

#include <cstddef>
#include <string>
#include <vector>

#include "ui/axis.h"

namespace bolt::ui {

// What charts in characters and in pixels have in common.

/// The labels of several charts' curves, each once, in the order in which they
/// come: their numbers choose the colours.
class Labels {
 public:
  explicit Labels(const std::vector<Chart>& charts);
  std::size_t number_of(const std::string& label) const;
  std::size_t count() const { return names_.size(); }
  const std::string& operator[](std::size_t k) const { return names_[k]; }

 private:
  std::vector<std::string> names_{};
};

/// A point to draw: 0 to 1 from the left, and from the bottom.
struct Spot {
  double x = 0;
  double y = 0;
  /// Isn't joined to the one before.
  bool gap = false;
};

/// The points of a curve that can be seen where there are so many columns.
std::vector<Spot> spots_of(const Curve& curve, const Axis& x, const Axis& y,
                           int columns);

/// A chart with its smoothed curves, and the axes that show both.
struct Plot {
  /// About so many of y's ticks are named.
  Plot(const Chart& chart, int y_ticks);
  Axis x_axis(int ticks) const;

  std::vector<Curve> curves{};
  Axis y;
  /// The chart's title, and where nothing can be seen, that it is so.
  std::string title{};
};

}  // namespace bolt::ui
