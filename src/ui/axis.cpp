#include "ui/axis.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>

namespace bolt::ui {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// The least of 1, 2, 5, 10, … that isn't below.
double round_step(double step) {
  const double ten = std::pow(10, std::floor(std::log10(step)));
  for (const double times : {1.0, 2.0, 5.0}) {
    if (step <= times * ten * (1 + 1e-9)) return times * ten;
  }
  return 10 * ten;
}

std::string formatted(const char* format, int decimals, double value) {
  std::array<char, 400> text{};
  std::snprintf(text.data(), text.size(), format, decimals, value);
  return text.data();
}

}  // namespace

Axis::Axis(const std::vector<const std::vector<double>*>& values, int ticks,
           bool log)
    : log_(log) {
  range_ = {std::numeric_limits<double>::infinity(),
            -std::numeric_limits<double>::infinity()};
  for (const auto* list : values) {
    for (const double value : *list) {
      const double at = inner(value);
      if (!std::isfinite(at)) continue;
      range_ = {std::min(range_.low, at), std::max(range_.high, at)};
    }
  }
  if (range_.low > range_.high) range_ = {0, 1};
  if (range_.low == range_.high) {
    const double around =
        range_.low == 0 || log_ ? 0.5 : std::abs(range_.low) / 2;
    range_ = {range_.low - around, range_.high + around};
  }
  ticks = std::max(ticks, 2);
  if (log_ && range_.high - range_.low >= 1) {
    choose_log_ticks(ticks);
  } else {
    choose_ticks(ticks);
  }
}

double Axis::inner(double value) const {
  if (!log_) return value;
  return value > 0 ? std::log10(value) : kNone;
}

double Axis::place(double value) const {
  const double at = inner(value);
  if (!std::isfinite(at)) return kNone;
  // Halves, since the whole may be too large for a number.
  return (at / 2 - range_.low / 2) / (range_.high / 2 - range_.low / 2);
}

void Axis::choose_ticks(int most) {
  const double low = log_ ? std::pow(10, range_.low) : range_.low;
  const double high = log_ ? std::pow(10, range_.high) : range_.high;
  const double step = round_step(high / most - low / most);
  if (!std::isfinite(step) || step <= 0) return;
  const double largest = std::max(std::abs(low), std::abs(high));
  decimals_ =
      std::clamp(static_cast<int>(std::ceil(-std::log10(step) - 1e-9)), 0, 300);
  scientific_ = largest >= 1e6 || largest < 1e-3;
  if (scientific_) {
    const double digits =
        std::floor(std::log10(largest)) - std::floor(std::log10(step) + 1e-9);
    decimals_ = std::clamp(static_cast<int>(digits), 0, 15);
  }
  const double first = std::ceil(low / step - 1e-9);
  for (int k = 0; k <= most + 1; ++k) {
    const double tick = (first + k) * step;
    if (tick > high + 1e-9 * step) break;
    ticks_.push_back(tick == 0 ? 0 : tick);
  }
}

void Axis::choose_log_ticks(int most) {
  scientific_ = range_.low < -3 || range_.high >= 6;
  const double step =
      std::max(1.0, std::ceil((range_.high - range_.low) / most));
  for (double at = std::ceil(range_.low - 1e-9); at <= range_.high + 1e-9;
       at += step) {
    ticks_.push_back(std::pow(10, at));
  }
  decimals_ = -1;  // of each its own
}

std::string Axis::label(double tick) const {
  if (scientific_ && tick == 0) return "0";
  if (decimals_ < 0) {
    return scientific_ ? formatted("%.*e", 0, tick)
                       : formatted("%.*g", 6, tick);
  }
  return formatted(scientific_ ? "%.*e" : "%.*f", decimals_, tick);
}

}  // namespace bolt::ui
