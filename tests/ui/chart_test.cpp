#include <gtest/gtest.h>
#include <torchbolt/ui/chart.h>
#include <torchbolt/ui/text.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace bolt::ui {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();
using Lines = std::vector<std::string>;

Chart line_chart() { return {"a title", {{"run", {0, 10}, {0, 1}}}}; }

int count(const std::string& text, const std::string& part) {
  int n = 0;
  for (auto at = text.find(part); at != std::string::npos;
       at = text.find(part, at + part.size())) {
    ++n;
  }
  return n;
}

TEST(Chart, IsDrawnWithDots) {
  EXPECT_EQ(draw_charts({line_chart()}, 16, 7, {.unicode = true}),
            (Lines{"    a title",       //
                   "1.0┤         ⣀⠔⠊",  //
                   "   │      ⣀⠔⠊   ",  //
                   "0.5┤   ⡠⠔⠉      ",  //
                   "0.0┤⡠⠔⠉         ",  //
                   "   └────────────",  //
                   "    0     5   10"}));
}

TEST(Chart, IsAsciiWhereThereIsNoUnicode) {
  Chart chart = line_chart();
  chart.title = "é\n";
  chart.curves.push_back({"other", {0, 10}, {1, 0}});
  const Lines lines = draw_charts({chart}, 20, 8, {.unicode = false});
  for (const auto& line : lines) {
    EXPECT_TRUE(std::ranges::all_of(line, [](unsigned char c) {
      return c >= 0x20 && c < 0x7f;
    })) << line;
    EXPECT_LE(line.size(), 22U) << line;
  }
  EXPECT_EQ(lines.front(), "* run   + other");
}

TEST(Chart, FitsTheWidthThatIsAskedFor) {
  const Chart chart{"t", {{"r", {0, 1, 2}, {1e-9, 123456.5, -1e9}}}};
  for (const int width : {30, 57, 200}) {
    for (const auto& line :
         draw_charts({chart}, width, 10, {.unicode = false})) {
      EXPECT_LE(line.size(), static_cast<std::size_t>(width)) << line;
    }
  }
}

TEST(Chart, ARunHasTheSameColourInEachChart) {
  const Chart both{"a", {{"one", {0, 1}, {0, 0}}, {"two", {0, 1}, {1, 1}}}};
  const Chart second{"b", {{"two", {0, 1}, {1, 1}}}};
  const Lines lines = draw_charts({both, second}, 20, 6, {.unicode = false});
  const std::string text = lines.back() + [&] {
    std::string all;
    for (std::size_t k = lines.size() / 2 + 1; k < lines.size(); ++k) {
      all += lines[k];
    }
    return all;
  }();
  EXPECT_GT(count(text, "++++"), 0);
  EXPECT_EQ(count(text, "*"), 0);
  const std::string svg = charts_svg({both, second});
  // Each legend, then the curves: one of "one", two of "two".
  EXPECT_EQ(count(svg, "#2563eb"), 2);
  EXPECT_EQ(count(svg, "#ea580c"), 3);
}

TEST(Chart, WhatIsNoNumberIsAGap) {
  const Chart chart{"t", {{"r", {0, 1, 2, 3, 4, 5}, {1, 2, kNaN, 3, kInf, 2}}}};
  // Two pieces of a line, and one point.
  EXPECT_EQ(count(charts_svg({chart}), "stroke=\"#2563eb\""), 3);
}

TEST(Chart, AnyValuesGiveAPicture) {
  for (const auto& values :
       std::vector<std::vector<double>>{{},
                                        {kNaN, kNaN},
                                        {5, 5, 5},
                                        {0},
                                        {-1e308, 1e308},
                                        {1e-320, 2e-320},
                                        {1, kInf, -kInf}}) {
    for (const bool log : {false, true}) {
      std::vector<double> x;
      for (std::size_t k = 0; k < values.size(); ++k) {
        x.push_back(static_cast<double>(k));
      }
      const Chart chart{"t", {{"r", x, values}}, 0.5, log};
      EXPECT_GE(draw_charts({chart}, 40, 10, {}).size(), 10U);
      EXPECT_EQ(charts_svg({chart}).find("nan"), std::string::npos);
      EXPECT_GT(charts_pixels({chart}).rgb.size(), 0U);
    }
  }
}

TEST(Chart, MillionsOfPointsLeaveTheirExtremes) {
  Curve curve{.label = "r"};
  for (int k = 0; k < 200'000; ++k) {
    curve.x.push_back(k);
    curve.y.push_back(k == 77'777 ? 100 : k % 2);
  }
  const std::string svg = charts_svg({{"t", {curve}}}, {.columns = 1});
  EXPECT_LT(svg.size(), 100'000U);
  // The upper edge of the chart: the ends of its line, and the one value that
  // is so high.
  EXPECT_EQ(count(svg, ",52.6 "), 3) << svg.substr(0, 2000);
}

TEST(Chart, ALogarithmicAxisHasPowersOfTen) {
  const Chart chart{"t", {{"r", {0, 1, 2, 3}, {1e-4, 1e-2, 1, 0}}}, 0, true};
  std::string all;
  for (const auto& line : draw_charts({chart}, 60, 20, {})) all += line + "\n";
  for (const char* label : {"1e-04┤", "1e-02┤", "1e+00┤"}) {
    EXPECT_EQ(count(all, label), 1) << all;
  }
}

// The mean of values above and below 0 may be less than any of those that a
// logarithmic axis has.
TEST(Chart, SmoothedCurvesStayInTheChart) {
  const Chart chart{
      "t", {{"r", {0, 1, 2}, {1, -0.4999, 3}}}, /*smooth=*/0.5, /*log_y=*/true};
  const auto lines = draw_charts({chart}, 40, 10, {});
  ASSERT_EQ(lines.size(), 10U);
  std::string all;
  for (const auto& line : lines) all += line + "\n";
  EXPECT_EQ(count(all, "1e-04┤"), 1) << all;
}

TEST(Chart, WhatCantBeShownIsSaid) {
  const Chart none{"t", {{"r", {0, 1}, {-1, 0}}}, 0, true};
  EXPECT_NE(draw_charts({none}, 40, 10, {})[0].find("t (no positive value)"),
            std::string::npos);
  const Chart nan{"t", {{"r", {0}, {kNaN}}}};
  EXPECT_NE(charts_svg({nan}).find("t (no finite value)"), std::string::npos);
}

TEST(Chart, LongNumbersLeaveRoomForTheCurve) {
  const Chart chart{"t", {{"r", {0, 1}, {1000000.5, 1000000.50001}}}};
  for (const auto& line : draw_charts({chart}, 20, 10, {})) {
    EXPECT_LE(columns_of(line), 20) << line;
  }
}

TEST(Chart, LabelsThatDontFitInALineTakeMore) {
  std::vector<Curve> curves;
  for (const char* label :
       {"one", "another", "and one more", "a very long one"}) {
    curves.push_back({label, {0, 1}, {1, 2}});
  }
  const auto lines = draw_charts({{"t", curves}}, 20, 8, {});
  for (const auto& line : lines) EXPECT_LE(columns_of(line), 20) << line;
  EXPECT_EQ(lines[0], "━━ one   ━━ another");
  EXPECT_EQ(lines[1], "━━ and one more");
  EXPECT_EQ(lines[2], "━━ a very long one");
}

TEST(Chart, TextIsText) {
  Chart chart = line_chart();
  chart.title = "a < b & c > d\x1b[0m";
  const std::string svg = charts_svg({chart});
  EXPECT_NE(svg.find("a &lt; b &amp; c &gt; d?[0m"), std::string::npos);
}

TEST(Chart, PixelsShowTheCurve) {
  const Pixels pixels = charts_pixels({line_chart()}, {.width = 500});
  ASSERT_EQ(pixels.width, 500);
  ASSERT_EQ(pixels.rgb.size(),
            static_cast<std::size_t>(3 * 500 * pixels.height));
  const auto has = [&](std::array<uint8_t, 3> colour) {
    for (std::size_t k = 0; k < pixels.rgb.size(); k += 3) {
      if (std::equal(colour.begin(), colour.end(), &pixels.rgb[k])) return true;
    }
    return false;
  };
  EXPECT_TRUE(has({255, 255, 255}));
  EXPECT_TRUE(has({37, 99, 235}));  // the curve
  EXPECT_TRUE(has({31, 41, 55}));   // the title
  EXPECT_EQ(pixels.rgb.front(), 255);
}

TEST(Smoothed, IsWhatTensorBoardShows) {
  // Debiased: 1; (0.5 · 0.5 + 0.5 · 2) / 0.75; …
  const auto values = smoothed({1, 2, kNaN, 4}, 0.5);
  EXPECT_DOUBLE_EQ(values[0], 1);
  EXPECT_DOUBLE_EQ(values[1], 1.25 / 0.75);
  EXPECT_TRUE(std::isnan(values[2]));
  EXPECT_DOUBLE_EQ(values[3], (1.25 * 0.5 + 2) / 0.875);
  EXPECT_EQ(smoothed({3, 1}, 0), (std::vector<double>{3, 1}));
}

}  // namespace
}  // namespace bolt::ui
