#pragma once

#include <string>
#include <vector>

namespace bolt::ui {

/// From the least to the greatest value of something.
struct Range {
  double low = 0;
  double high = 1;
};

/// One side of a chart: what it shows, and where.
class Axis {
 public:
  /// Shows all of these that can be shown; about `ticks` of them are named.
  Axis(const std::vector<const std::vector<double>*>& values, int ticks,
       bool log = false);

  /// 0 at the low end, 1 at the high one; NaN for what can't be shown.
  double place(double value) const;
  /// Round numbers within the range.
  const std::vector<double>& ticks() const { return ticks_; }
  /// A tick as text, with as many decimals as its neighbours need.
  std::string label(double tick) const;

 private:
  double inner(double value) const;  // what is linear
  void choose_ticks(int most);
  void choose_log_ticks(int most);

  bool log_;
  Range range_{};
  std::vector<double> ticks_{};
  int decimals_ = 0;
  bool scientific_ = false;
};

}  // namespace bolt::ui
