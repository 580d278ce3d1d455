#include <torchbolt/core/number.h>
#include <torchbolt/ui/format.h>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>

namespace bolt::ui {
namespace {

std::string fixed(double value, int decimals) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
  return text.data();
}

// So many significant digits, zeros at the end too.
std::string digits(double value, int significant) {
  int decimals = significant - 1;
  double limit = 10;
  // What rounds up to the limit has one digit more before the point.
  while (decimals > 0 &&
         std::abs(value) >= limit - 0.5 * std::pow(10, -decimals)) {
    --decimals;
    limit *= 10;
  }
  return fixed(value, decimals);
}

}  // namespace

std::string format_metric(double value) {
  if (!std::isfinite(value)) return shortest(value);
  const double size = std::abs(value);
  if (size == 0) return "0.000";
  if (size >= 1e5 || size < 1e-3) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.2e", value);
    return text.data();
  }
  if (size < 0.01) return fixed(value, 5);
  if (size < 0.1) return fixed(value, 4);
  return digits(value, 4);
}

std::string format_result(double value) {
  if (!std::isfinite(value)) return shortest(value);
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.6g", value);
  return text.data();
}

std::string format_rate(double per_second) {
  if (!(per_second > 0) || !std::isfinite(per_second)) return "";
  if (per_second < 1) return digits(1 / per_second, 3) + "s/it";
  if (per_second < 9999.5) return digits(per_second, 3) + "it/s";
  if (per_second < 9999.5e3) return digits(per_second / 1e3, 3) + "kit/s";
  return digits(per_second / 1e6, 3) + "Mit/s";
}

std::string format_count(int64_t count) {
  constexpr std::array kUnits{"", " K", " M", " B", " T"};
  auto value = static_cast<double>(count);
  std::size_t unit = 0;
  while (value >= 1000 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  if (unit == 0) return std::to_string(count);
  // Lightning cuts digits off, and doesn't round.
  return (value < 100 ? fixed(std::floor(value * 10) / 10, 1)
                      : fixed(std::floor(value), 0)) +
         kUnits[unit];
}

}  // namespace bolt::ui
