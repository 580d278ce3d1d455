#pragma once

#include <torchbolt/export.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace bolt::ui {

/// How far something has come; what a progress bar shows.
struct BarState {
  std::string label{};
  int64_t done = 0;
  /// None: not known.
  std::optional<int64_t> total{};
  std::chrono::nanoseconds elapsed{0};
  /// Shown at the end, as it is.
  std::string metrics{};
};

/// One line of at most `width` columns:
/// "Epoch 2 ━━━━━━╺──── 120/469 0:01<0:03 118.2it/s loss 0.412". What doesn't
/// fit is left out, from the right; the bar itself shrinks first.
TORCHBOLT_API std::string draw_bar(const BarState& state, int width,
                                   bool colour);

/// The same as a plain line, for files.
TORCHBOLT_API std::string describe(const BarState& state);

}  // namespace bolt::ui
