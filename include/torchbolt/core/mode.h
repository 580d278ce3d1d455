#pragma once

#include <torchbolt/export.h>

#include <string_view>

namespace bolt {

/// Which way a monitored metric gets better.
enum class Mode { kMin, kMax };

/// "min" or "max".
constexpr std::string_view to_string(Mode mode) {
  return mode == Mode::kMin ? "min" : "max";
}

/// The reverse. Throws ConfigError.
TORCHBOLT_API Mode parse_mode(std::string_view text);

}  // namespace bolt
