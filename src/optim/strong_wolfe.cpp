#include "optim/strong_wolfe.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace bolt::optim::detail {
namespace {

constexpr double kDecrease = 1e-4;
constexpr double kCurvature = 0.9;

// The minimum of the cubic through two points and their slopes, within bounds
// (Nocedal and Wright, equation 3.59).
double cubic_minimum(const LinePoint& a, const LinePoint& b, double lowest,
                     double highest) {
  const LinePoint& left = a.t <= b.t ? a : b;
  const LinePoint& right = a.t <= b.t ? b : a;
  const double d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t);
  const double square = d1 * d1 - a.slope * b.slope;
  if (!(square >= 0)) return (lowest + highest) / 2;
  const double d2 = std::sqrt(square);
  const double t =
      right.t - (right.t - left.t) * ((right.slope + d2 - d1) /
                                      (right.slope - left.slope + 2 * d2));
  return std::min(std::max(t, lowest), highest);
}

class Search {
 public:
  Search(const std::function<LinePoint(double)>& at, const LinePoint& start,
         int64_t limit)
      : at_(at), start_(start), limit_(limit) {}

  LineSearchResult run(double t, double reach, double tolerance) {
    bracket(t);
    order();
    while (!done_ && made_ < limit_) {
      if (std::abs(ends_[1].t - ends_[0].t) * reach < tolerance) break;
      narrow(evaluate(trial()));
    }
    return {ends_[low_], made_ + 1};
  }

 private:
  LinePoint evaluate(double t) {
    ++made_;
    return at_(t);
  }

  bool too_high(const LinePoint& p) const {
    return p.loss > start_.loss + kDecrease * p.t * start_.slope;
  }
  bool flat(const LinePoint& p) const {
    return std::abs(p.slope) <= -kCurvature * start_.slope;
  }

  // Steps out until a good point lies between the two ends, or is found.
  void bracket(double t) {
    LinePoint before = start_;
    LinePoint now = at_(t);
    for (; made_ < limit_;) {
      if (too_high(now) || (made_ > 1 && now.loss >= before.loss)) {
        ends_ = {before, now};
        return;
      }
      if (flat(now)) {
        ends_ = {now, now};
        done_ = true;
        return;
      }
      if (now.slope >= 0) {
        ends_ = {before, now};
        return;
      }
      const double next = cubic_minimum(
          before, now, now.t + 0.01 * (now.t - before.t), now.t * 10);
      before = now;
      now = evaluate(next);
    }
    ends_ = {start_, now};
  }

  void order() { low_ = ends_[0].loss <= ends_[1].loss ? 0 : 1; }

  // Where to look between the ends: not twice in a row close to one.
  double trial() {
    const auto [lowest, highest] = std::minmax(ends_[0].t, ends_[1].t);
    double t = cubic_minimum(ends_[0], ends_[1], lowest, highest);
    const double margin = 0.1 * (highest - lowest);
    if (std::min(highest - t, t - lowest) >= margin) {
      stalled_ = false;
    } else if (stalled_ || t >= highest || t <= lowest) {
      t = std::abs(t - highest) < std::abs(t - lowest) ? highest - margin
                                                       : lowest + margin;
      stalled_ = false;
    } else {
      stalled_ = true;
    }
    return t;
  }

  void narrow(LinePoint p) {
    LinePoint& low = ends_[low_];
    LinePoint& high = ends_[1 - low_];
    if (too_high(p) || p.loss >= low.loss) {
      high = std::move(p);
      order();
      return;
    }
    if (flat(p)) {
      done_ = true;
    } else if (p.slope * (high.t - low.t) >= 0) {
      high = low;
    }
    low = std::move(p);
  }

  const std::function<LinePoint(double)>& at_;
  const LinePoint& start_;
  int64_t limit_;
  int64_t made_ = 0;  // after the first
  std::array<LinePoint, 2> ends_{};
  std::size_t low_ = 0;
  bool done_ = false;
  bool stalled_ = false;
};

}  // namespace

LineSearchResult strong_wolfe(const std::function<LinePoint(double)>& at,
                              const LinePoint& start, double t, double reach,
                              double tolerance, int64_t max_evaluations) {
  return Search(at, start, max_evaluations).run(t, reach, tolerance);
}

}  // namespace bolt::optim::detail
