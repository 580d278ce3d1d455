#include "ui/svg_canvas.h"

#include <torchbolt/ui/text.h>

#include <array>
#include <cstdio>

namespace bolt::ui {
namespace {

std::string number(double value) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.2f", value);
  std::string out = text.data();
  while (out.ends_with('0')) out.pop_back();
  if (out.ends_with('.')) out.pop_back();
  return out;
}

std::string colour(Ink ink) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "#%02x%02x%02x", ink.red, ink.green,
                ink.blue);
  return text.data();
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : clean(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace

SvgCanvas::SvgCanvas(int width, int height) {
  const std::string size =
      std::to_string(width) + "\" height=\"" + std::to_string(height);
  out_ = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + size +
         "\" font-family=\"sans-serif\">\n<rect width=\"" + size +
         "\" fill=\"#fff\"/>\n";
}

void SvgCanvas::line(const std::vector<Point>& points, Ink ink,
                     double thickness) {
  out_ += "<polyline points=\"";
  for (const Point& point : points) {
    out_ += number(point.x) + "," + number(point.y) + " ";
  }
  if (points.size() == 1) {
    // A line of no length has ends all the same, which are round.
    out_ += number(points[0].x) + "," + number(points[0].y) + " ";
  }
  out_ += "\" fill=\"none\" stroke=\"" + colour(ink) + "\" stroke-width=\"" +
          number(thickness) +
          "\" stroke-linejoin=\"round\" stroke-linecap=\"round\"/>\n";
}

void SvgCanvas::text(Point at, std::string_view text, Anchor anchor,
                     double size, Ink ink) {
  constexpr std::array kAnchors{"start", "middle", "end"};
  out_ += "<text x=\"" + number(at.x) + "\" y=\"" + number(at.y) +
          "\" font-size=\"" + number(size) + "\" fill=\"" + colour(ink) +
          "\" text-anchor=\"" + kAnchors.at(static_cast<std::size_t>(anchor)) +
          "\">" + escaped(text) + "</text>\n";
}

}  // namespace bolt::ui
