#include "ui/pixel_canvas.h"

#include <torchbolt/ui/text.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "ui/stroke_font.h"

namespace bolt::ui {
namespace {

// Of a line of text: the height of a letter's grid, and a letter's width.
constexpr double kGridRows = 10;

double distance(Point at, Point from, Point to) {
  const double dx = to.x - from.x;
  const double dy = to.y - from.y;
  const double length = dx * dx + dy * dy;
  const double along =
      length == 0
          ? 0
          : std::clamp(((at.x - from.x) * dx + (at.y - from.y) * dy) / length,
                       0.0, 1.0);
  return std::hypot(at.x - from.x - along * dx, at.y - from.y - along * dy);
}

}  // namespace

PixelCanvas::PixelCanvas(int width, int height)
    : pixels_{.width = width, .height = height} {
  const auto count =
      static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  pixels_.rgb.assign(3 * count, 255);
  covered_.assign(count, 0);
}

void PixelCanvas::cover(Point from, Point to, double thickness) {
  const double reach = thickness / 2 + 1;
  const auto bound = [](double value, int most) {
    return static_cast<int>(std::clamp(value, 0.0, static_cast<double>(most)));
  };
  const int left =
      bound(std::floor(std::min(from.x, to.x) - reach), pixels_.width - 1);
  const int right =
      bound(std::ceil(std::max(from.x, to.x) + reach), pixels_.width - 1);
  const int top =
      bound(std::floor(std::min(from.y, to.y) - reach), pixels_.height - 1);
  const int bottom =
      bound(std::ceil(std::max(from.y, to.y) + reach), pixels_.height - 1);
  for (int y = top; y <= bottom; ++y) {
    for (int x = left; x <= right; ++x) {
      const double part =
          thickness / 2 + 0.5 - distance({x + 0.5, y + 0.5}, from, to);
      if (part <= 0) continue;
      const auto at = static_cast<std::size_t>(y) *
                          static_cast<std::size_t>(pixels_.width) +
                      static_cast<std::size_t>(x);
      if (covered_[at] == 0) touched_.push_back(at);
      covered_[at] =
          std::max(covered_[at],
                   static_cast<uint8_t>(std::ceil(255 * std::min(part, 1.0))));
    }
  }
}

void PixelCanvas::paint(Ink ink) {
  for (const std::size_t at : touched_) {
    const int part = std::exchange(covered_[at], uint8_t{0});
    uint8_t* pixel = &pixels_.rgb[3 * at];
    for (const uint8_t value : {ink.red, ink.green, ink.blue}) {
      *pixel =
          static_cast<uint8_t>((value * part + *pixel * (255 - part)) / 255);
      ++pixel;
    }
  }
  touched_.clear();
}

void PixelCanvas::line(const std::vector<Point>& points, Ink ink,
                       double thickness) {
  if (points.size() == 1) cover(points[0], points[0], thickness);
  for (std::size_t k = 1; k < points.size(); ++k) {
    cover(points[k - 1], points[k], thickness);
  }
  paint(ink);
}

void PixelCanvas::text(Point at, std::string_view text, Anchor anchor,
                       double size, Ink ink) {
  const std::string letters = clean(text, /*unicode=*/false);
  const double unit = size / kGridRows;
  const double width =
      unit * (kLetterAdvance * static_cast<double>(letters.size()) - 2);
  double x = at.x;
  if (anchor == Anchor::kMiddle) x -= width / 2;
  if (anchor == Anchor::kEnd) x -= width;
  for (const char letter : letters) {
    const std::string_view strokes = strokes_of(letter);
    const auto point = [&](std::size_t k) {
      return Point{x + unit * (strokes[k] - '0'),
                   at.y + unit * (strokes[k + 1] - '0' - kLetterBase)};
    };
    for (std::size_t k = 3; k + 1 < strokes.size(); k += 3) {
      if (strokes[k - 1] != ',') cover(point(k - 3), point(k), size / 10);
    }
    x += unit * kLetterAdvance;
  }
  paint(ink);
}

}  // namespace bolt::ui
