#pragma once

#include <torchbolt/core/error.h>
#include <torchbolt/core/number.h>

#include <cmath>
#include <concepts>
#include <string>
#include <string_view>

namespace bolt::optim {

/// Throws ConfigError for a field of a schedule's options.
template <class T>
void check_option(bool good, std::string_view where, std::string_view field,
                  T value, std::string_view expected,
                  std::string_view tip = {}) {
  if (good) return;
  std::string got;
  if constexpr (std::floating_point<T>) {
    got = shortest(value);
  } else {
    got = std::to_string(value);
  }
  throw ConfigError({.where = std::string(where),
                     .what = std::string(field) + " has a wrong value",
                     .got = got,
                     .expected = std::string(expected),
                     .tip = std::string(tip)});
}

/// The same for NaN and infinite ones.
inline void check_finite(double value, std::string_view where,
                         std::string_view field) {
  check_option(std::isfinite(value), where, field, value, "a finite number");
}

/// Throws ConfigError for a field that has no sensible default.
inline void check_given(bool given, std::string_view where,
                        std::string_view field, std::string_view example) {
  if (given) return;
  throw ConfigError({.where = std::string(where),
                     .what = std::string(field) + " is not set",
                     .tip = std::string(example)});
}

}  // namespace bolt::optim
