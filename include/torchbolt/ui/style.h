#pragma once

#include <torchbolt/export.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace bolt::ui {

/// Colours that every terminal has; its own palette says how they look. Others
/// come from `rgb`.
enum class Colour : int32_t {
  kDefault,
  kRed,
  kGreen,
  kYellow,
  kBlue,
  kMagenta,
  kCyan,
  kGrey
};

/// Any colour. Terminals that don't say that they know all (COLORTERM) get the
/// nearest of 256.
constexpr Colour rgb(uint8_t red, uint8_t green, uint8_t blue) {
  return static_cast<Colour>(0x1000000 | red << 16 | green << 8 | blue);
}

/// "green", one of the names above, or "#6206e0". Throws ConfigError.
TORCHBOLT_API Colour parse_colour(std::string_view text);

/// Colours of a progress bar's parts.
struct Theme {
  Colour description = Colour::kDefault;
  Colour progress_bar = Colour::kMagenta;
  Colour progress_bar_finished = Colour::kGreen;
  Colour progress_bar_pulse = Colour::kMagenta;
  /// What is left of the bar.
  Colour progress_bar_rest = Colour::kGrey;
  Colour batch_progress = Colour::kDefault;
  Colour time = Colour::kGrey;
  Colour processing_speed = Colour::kGrey;
  Colour metrics = Colour::kDefault;
  /// Stands between two metrics.
  std::string metrics_text_delimiter = " ";
};

/// A theme by its name: "default"; "rich", with the colours of Lightning's
/// RichProgressBar; "ocean"; "mono", without any. Throws ConfigError.
TORCHBOLT_API Theme theme_named(std::string_view name);

/// How to draw.
struct Style {
  /// Without it there are no escape codes at all.
  bool colour = false;
  /// Without it everything is ASCII.
  bool unicode = true;
  Theme theme{};
  /// Without it, colours of `rgb` become the nearest of 256.
  bool true_colour = false;
};

/// The style that suits a terminal, or file, and the user's environment.
TORCHBOLT_API Style style_for(int fd, Theme theme = {});

/// Text in a colour, where the style has colours.
TORCHBOLT_API std::string painted(std::string_view text, Colour colour,
                                  const Style& style);

}  // namespace bolt::ui
