#pragma once

#include <torchbolt/export.h>

#include <cstdint>
#include <string>

namespace bolt::ui {

/// A metric as a progress bar shows it, mostly in five characters, so that what
/// follows stays in its place: "0.412", "12.35", "1.23e-05".
TORCHBOLT_API std::string format_metric(double value);

/// A metric in a table: six significant digits.
TORCHBOLT_API std::string format_result(double value);

/// "118it/s", "1.25it/s", "12.3kit/s"; below one a second "3.21s/it". Empty for
/// a rate that isn't known (0).
TORCHBOLT_API std::string format_rate(double per_second);

/// A count as Lightning's model summary shows it: "850", "1.2 K", "101 K",
/// "3.4 M".
TORCHBOLT_API std::string format_count(int64_t count);

}  // namespace bolt::ui
