#pragma once

#include <torchbolt/export.h>

#include <concepts>
#include <cstdint>
#include <string>
#include <variant>

namespace bolt {

/// A number of things (an integer) or a share of them (a floating-point
/// number): `10` is ten of them, `1` one, `1.0` all, `0.1` a tenth.
class TORCHBOLT_API CountOrShare {
 public:
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  CountOrShare(T count) : value_(static_cast<int64_t>(count)) {}
  template <std::floating_point T>
  CountOrShare(T share) : value_(static_cast<double>(share)) {}

  bool is_count() const { return std::holds_alternative<int64_t>(value_); }
  int64_t count() const { return std::get<int64_t>(value_); }
  double share() const { return std::get<double>(value_); }
  /// Whether it leaves nothing.
  bool is_zero() const { return is_count() ? count() == 0 : share() == 0; }
  /// As a person would write it: "10", "0.5", "1.0".
  std::string text() const;

  friend bool operator==(const CountOrShare&, const CountOrShare&) = default;

 private:
  std::variant<int64_t, double> value_;
};

}  // namespace bolt
