#pragma once

#include <torchbolt/export.h>

#include <string>
#include <string_view>

namespace bolt::ui {

/// Colours that every terminal has; its own palette says how they look.
enum class Colour {
  kDefault,
  kRed,
  kGreen,
  kYellow,
  kBlue,
  kMagenta,
  kCyan,
  kGrey
};

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

/// How to draw.
struct Style {
  /// Without it there are no escape codes at all.
  bool colour = false;
  /// Without it everything is ASCII.
  bool unicode = true;
  Theme theme{};
};

/// The style that suits a terminal, or file, and the user's environment.
TORCHBOLT_API Style style_for(int fd, Theme theme = {});

/// Text in a colour, where the style has colours.
TORCHBOLT_API std::string painted(std::string_view text, Colour colour,
                                  const Style& style);

}  // namespace bolt::ui
