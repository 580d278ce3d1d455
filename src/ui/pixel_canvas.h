#pragma once

#include <torchbolt/ui/chart.h>

#include <cstdint>
#include <vector>

#include "ui/canvas.h"

namespace bolt::ui {

/// Draws smooth lines and plain letters into pixels.
class PixelCanvas final : public Canvas {
 public:
  PixelCanvas(int width, int height);

  void line(const std::vector<Point>& points, Ink ink,
            double thickness) override;
  void text(Point at, std::string_view text, Anchor anchor, double size,
            Ink ink) override;
  Pixels finish() { return std::move(pixels_); }

 private:
  void cover(Point from, Point to, double thickness);
  void paint(Ink ink);

  Pixels pixels_;
  // How much of each pixel what is being drawn covers, and where it is drawn:
  // a line that crosses itself isn't darker there.
  std::vector<uint8_t> covered_;
  std::vector<std::size_t> touched_{};
};

}  // namespace bolt::ui
