#pragma once

#include <torchbolt/export.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace bolt {

/// Reads "DD:HH:MM:SS" (exactly four whole numbers); none for other text.
TORCHBOLT_API std::optional<std::chrono::nanoseconds> parse_duration(
    std::string_view text);

/// "0:05", "12:34", "1:02:03": whole seconds, as progress displays show them.
TORCHBOLT_API std::string format_duration(std::chrono::nanoseconds time);

}  // namespace bolt
