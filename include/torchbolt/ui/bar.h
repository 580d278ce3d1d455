#pragma once

#include <torchbolt/export.h>
#include <torchbolt/ui/style.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bolt::ui {

/// How far something has come; what a progress bar shows.
struct BarState {
  std::string label{};
  int64_t done = 0;
  /// None: not known.
  std::optional<int64_t> total{};
  std::chrono::nanoseconds elapsed{0};
  /// Items a second; 0: not known.
  double rate = 0;
  /// Shown at the end: "loss 0.412".
  std::vector<std::string> metrics{};
};

/// A bar in lines of at most `width` columns:
/// "Epoch 2 ━━━━━━╸──── 120/469 0:01<0:03 118it/s loss 0.412". Metrics that
/// don't fit stand in a second line; of the rest, the rate, the times and the
/// bar give way, in this order.
TORCHBOLT_API std::vector<std::string> draw_bar(const BarState& state,
                                                int width, const Style& style);

/// The same as a plain line, for files.
TORCHBOLT_API std::string describe(const BarState& state);

}  // namespace bolt::ui
