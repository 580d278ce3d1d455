#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace bolt::ui {

struct Point {
  double x = 0;
  double y = 0;
};

/// Red, green, blue.
struct Ink {
  uint8_t red = 0;
  uint8_t green = 0;
  uint8_t blue = 0;
};

/// Which part of a text stands at the point that is given.
enum class Anchor { kStart, kMiddle, kEnd };

/// What a chart is drawn on: white, in pixels from the upper left corner.
class Canvas {
 public:
  virtual ~Canvas() = default;
  virtual void line(const std::vector<Point>& points, Ink ink,
                    double thickness) = 0;
  /// One line of text on a base line; `size` is the height of a line.
  virtual void text(Point at, std::string_view text, Anchor anchor, double size,
                    Ink ink) = 0;
};

}  // namespace bolt::ui
