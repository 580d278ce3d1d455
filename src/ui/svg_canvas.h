#pragma once

#include <string>

#include "ui/canvas.h"

namespace bolt::ui {

/// Draws into the content of an SVG file.
class SvgCanvas final : public Canvas {
 public:
  SvgCanvas(int width, int height);

  void line(const std::vector<Point>& points, Ink ink,
            double thickness) override;
  void text(Point at, std::string_view text, Anchor anchor, double size,
            Ink ink) override;
  std::string finish() const { return out_ + "</svg>\n"; }

 private:
  std::string out_{};
};

}  // namespace bolt::ui
