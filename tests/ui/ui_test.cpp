#include <gtest/gtest.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/terminal.h>
#include <torchbolt/ui/bar.h>
#include <torchbolt/ui/format.h>
#include <torchbolt/ui/rate.h>
#include <torchbolt/ui/table.h>
#include <torchbolt/ui/text.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "support/environment.h"
#include "support/pty.h"

namespace bolt::ui {
namespace {

using namespace std::chrono_literals;
using bolt::testing::WithEnvironment;

const BarState kBar{.label = "Epoch 2/9",
                    .done = 120,
                    .total = 480,
                    .elapsed = 2s,
                    .rate = 60,
                    .metrics = {"train/loss 0.412", "val/acc 0.871"}};

std::vector<std::string> drawn(const BarState& state, int width,
                               bool unicode = true) {
  return draw_bar(state, width, {.unicode = unicode});
}

TEST(Bar, ShowsAllThereIsRoomFor) {
  EXPECT_EQ(drawn(kBar, 108),
            std::vector<std::string>{
                "Epoch 2/9 ━━━━━━━━━━────────────────────────────── 120/480 "
                "0:02<0:06 60.0it/s train/loss 0.412 val/acc 0.871"});
}

TEST(Bar, MetricsGoBeneathWhereTheyDontFit) {
  EXPECT_EQ(drawn(kBar, 40), (std::vector<std::string>{
                                 "Epoch 2/9 ━━━───────── 120/480 0:02<0:06",
                                 "train/loss 0.412 val/acc 0.871"}));
  EXPECT_EQ(drawn(kBar, 20), (std::vector<std::string>{
                                 "Epoch 2/9 120/480", "train/loss 0.412 va…"}));
}

TEST(Bar, IsNeverWiderThanTheTerminal) {
  BarState endless = kBar;
  endless.total.reset();
  BarState large = kBar;
  large.done = 123'456'789;
  large.total = 1'234'567'890'123;
  large.elapsed = 300h;
  BarState strange = kBar;
  strange.label = "Época 検証 DataLoader 12";
  strange.metrics = {"損失 0.1", "é́ 2", "\x1b[31mred\n", "\xff\xfe"};
  for (const BarState& state : {kBar, endless, large, strange, BarState{}}) {
    for (int width = 1; width <= 200; ++width) {
      for (const bool unicode : {true, false}) {
        const auto lines = drawn(state, width, unicode);
        ASSERT_LE(lines.size(), 2u);
        for (const std::string& line : lines) {
          ASSERT_LE(columns_of(line), width) << line;
          const bool calm = std::ranges::none_of(
              line, [](char c) { return static_cast<unsigned char>(c) < 32; });
          ASSERT_TRUE(calm) << line;
          const bool ascii = std::ranges::all_of(
              line, [](char c) { return static_cast<signed char>(c) >= 32; });
          ASSERT_TRUE(unicode || ascii) << line;
        }
      }
    }
  }
}

TEST(Bar, IsAsciiWhereItMustBe) {
  EXPECT_EQ(drawn(kBar, 60, false)[0],
            "Epoch 2/9 [=====>               ] 120/480 0:02<0:06 60.0it/s");
}

TEST(Bar, StaysAsWideFromTheFirstBatchToTheLast) {
  BarState state = kBar;
  state.metrics.clear();
  state.elapsed = 3s;
  for (state.done = 1; state.done < 480; ++state.done) {
    EXPECT_EQ(columns_of(drawn(state, 60)[0]), 60) << state.done;
  }
}

TEST(Bar, KnowsNoEndWhereThereIsNone) {
  BarState state = kBar;
  state.total.reset();
  const std::string line = drawn(state, 60)[0];
  EXPECT_NE(line.find("120/? 0:02 60.0it/s"), std::string::npos) << line;
  // A block that moves.
  state.elapsed += 300ms;
  EXPECT_NE(drawn(state, 60)[0], line);
}

TEST(Colour, IsANameOrThreeNumbers) {
  EXPECT_EQ(parse_colour("cyan"), Colour::kCyan);
  EXPECT_EQ(parse_colour("#6206e0"), rgb(0x62, 0x06, 0xe0));
  const Style some{.colour = true};
  EXPECT_EQ(painted("x", Colour::kRed, some), "\x1b[31mx\x1b[0m");
  EXPECT_EQ(painted("x", rgb(255, 0, 128), some), "\x1b[38;5;199mx\x1b[0m");
  const Style all{.colour = true, .true_colour = true};
  EXPECT_EQ(painted("x", rgb(255, 0, 128), all),
            "\x1b[38;2;255;0;128mx\x1b[0m");
  EXPECT_EQ(painted("x", rgb(0, 0, 0), all), "\x1b[38;2;0;0;0mx\x1b[0m");
  EXPECT_EQ(painted("x", rgb(1, 2, 3), {}), "x");
  for (const char* wrong : {"cyna", "#12345", "#12345g", "#1234567", ""}) {
    EXPECT_THROW(parse_colour(wrong), ConfigError) << wrong;
  }
}

TEST(Theme, HasANameAndColoursItsParts) {
  const BarState half{.label = "Epoch 0",
                      .done = 1,
                      .total = 2,
                      .elapsed = std::chrono::seconds(1),
                      .rate = 1,
                      .metrics = {"loss 0.5"}};
  Theme theme = theme_named("rich");
  theme.description = Colour::kGreen;
  theme.batch_progress = Colour::kYellow;
  theme.time = Colour::kBlue;
  theme.processing_speed = Colour::kCyan;
  theme.metrics = Colour::kRed;
  const auto draw = [&](const BarState& state, const Theme& of) {
    return draw_bar(state, 100,
                    {.colour = true, .theme = of, .true_colour = true})[0];
  };
  const std::string line = draw(half, theme);
  for (const char* part :
       {"\x1b[32mEpoch 0", "\x1b[38;2;98;6;224m━", "\x1b[33m1/2",
        "\x1b[34m0:01", "\x1b[36m1.00it/s", "\x1b[31mloss 0.5"}) {
    EXPECT_NE(line.find(part), std::string::npos) << part + 1 << " in " << line;
  }
  EXPECT_EQ(draw(half, theme_named("mono")).find('\x1b'), std::string::npos);
  EXPECT_NE(draw(half, theme_named("ocean")), draw(half, {}));
  EXPECT_EQ(draw(half, theme_named("default")), draw(half, {}));
  EXPECT_THROW(theme_named("rihc"), ConfigError);
}

TEST(Bar, ColourOnlyWhenAsked) {
  EXPECT_EQ(drawn(kBar, 100)[0].find('\x1b'), std::string::npos);
  const Theme blue{.progress_bar = Colour::kBlue};
  const auto lines = draw_bar(kBar, 100, {.colour = true, .theme = blue});
  EXPECT_NE(lines[0].find("\x1b[34m━"), std::string::npos);
}

TEST(Rate, IsThatOfNow) {
  RateMeter meter;
  EXPECT_EQ(meter.per_second(), 0);
  // The first batch took 20 s, the others 10 ms.
  meter.note(1, 20s);
  EXPECT_DOUBLE_EQ(meter.per_second(), 0.05);
  for (int k = 1; k <= 10; ++k) meter.note(1 + 10 * k, 20s + k * 100ms);
  EXPECT_DOUBLE_EQ(meter.per_second(), 100);
  // Slower from here; after half a minute nothing else counts.
  for (int k = 1; k <= 50; ++k) meter.note(101 + 2 * k, 21s + k * 1s);
  EXPECT_DOUBLE_EQ(meter.per_second(), 2);
}

TEST(Format, MetricsAreShortAndAsWideAsBefore) {
  EXPECT_EQ(format_metric(0.41234), "0.412");
  EXPECT_EQ(format_metric(2), "2.000");
  EXPECT_EQ(format_metric(9.9999), "10.00");
  EXPECT_EQ(format_metric(12.345), "12.35");
  EXPECT_EQ(format_metric(-123.45), "-123.5");
  EXPECT_EQ(format_metric(12345), "12345");
  EXPECT_EQ(format_metric(0.0123), "0.0123");
  EXPECT_EQ(format_metric(0.00123), "0.00123");
  EXPECT_EQ(format_metric(0.0000123), "1.23e-05");
  EXPECT_EQ(format_metric(0), "0.000");
  EXPECT_EQ(format_metric(std::nan("")), "nan");
  EXPECT_EQ(format_result(0.84140002727508545), "0.8414");
}

TEST(Format, RatesAndCounts) {
  EXPECT_EQ(format_rate(118.4), "118it/s");
  EXPECT_EQ(format_rate(1.254), "1.25it/s");
  EXPECT_EQ(format_rate(0.25), "4.00s/it");
  EXPECT_EQ(format_rate(12345), "12.3kit/s");
  EXPECT_EQ(format_rate(0), "");
  // What Lightning's get_human_readable_count gives.
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(1290), "1.2 K");
  EXPECT_EQ(format_count(203'530), "203 K");
  EXPECT_EQ(format_count(2'000'000), "2.0 M");
  EXPECT_EQ(format_count(3'000'000'000'000'000), "3000 T");
}

TEST(Text, IsMeasuredInColumns) {
  EXPECT_EQ(columns_of("abc"), 3);
  EXPECT_EQ(columns_of("検証"), 4);
  EXPECT_EQ(columns_of("e\u0301"), 1);
  EXPECT_EQ(columns_of("🙂"), 2);
  EXPECT_EQ(columns_of("\xff"), 1);
  EXPECT_EQ(cut("検証データ", 5), "検証…");
  EXPECT_EQ(cut("検証データ", 4), "検…");
  EXPECT_EQ(cut("abcdef", 4, false), "abc~");
  EXPECT_EQ(clean("a\x1b[1m\nb\xc3"), "a?[1m?b?");
}

TEST(Style, FollowsTheEnvironment) {
  bolt::testing::Pty terminal(80);
  const WithEnvironment term("TERM", "xterm");
  const WithEnvironment all("LC_ALL", nullptr);
  const WithEnvironment type("LC_CTYPE", nullptr);
  const WithEnvironment no_colour("NO_COLOR", nullptr);
  {
    const WithEnvironment lang("LANG", "de_DE.UTF-8");
    EXPECT_TRUE(style_for(terminal.fd()).unicode);
    EXPECT_TRUE(style_for(terminal.fd()).colour);
    const WithEnvironment plain("NO_COLOR", "1");
    EXPECT_FALSE(style_for(terminal.fd()).colour);
    const WithEnvironment c("LC_ALL", "C");
    EXPECT_FALSE(style_for(terminal.fd()).unicode);
  }
  for (const char* value : {"C", static_cast<const char*>(nullptr)}) {
    const WithEnvironment lang("LANG", value);
    EXPECT_FALSE(style_for(terminal.fd()).unicode);
  }
  const WithEnvironment dumb("TERM", "dumb");
  EXPECT_FALSE(is_terminal(terminal.fd()));
  EXPECT_FALSE(style_for(terminal.fd()).colour);
}

TEST(Table, FitsItsColumns) {
  EXPECT_EQ(draw_table({"metric", "value"}, {{"val/acc", "0.9"}, {"x"}}),
            "┌─────────┬───────┐\n"
            "│ metric  │ value │\n"
            "├─────────┼───────┤\n"
            "│ val/acc │   0.9 │\n"
            "│ x       │       │\n"
            "└─────────┴───────┘");
  EXPECT_EQ(draw_table({"検証", "v"}, {{"é", "12"}}),
            "┌──────┬────┐\n"
            "│ 検証 │  v │\n"
            "├──────┼────┤\n"
            "│ é    │ 12 │\n"
            "└──────┴────┘");
  EXPECT_EQ(draw_table({"a", "b"}, {{"x\n", "é"}}, {.unicode = false}),
            "+----+---+\n"
            "| a  | b |\n"
            "+----+---+\n"
            "| x? | ? |\n"
            "+----+---+");
}

TEST(Table, IsTakenApartWhereItIsTooWide) {
  EXPECT_EQ(draw_table({"metric", "loader 0", "loader 1"}, {{"m", "1", "2"}},
                       {.width = 25}),
            "┌────────┬──────────┐\n"
            "│ metric │ loader 0 │\n"
            "├────────┼──────────┤\n"
            "│ m      │        1 │\n"
            "└────────┴──────────┘\n"
            "┌────────┬──────────┐\n"
            "│ metric │ loader 1 │\n"
            "├────────┼──────────┤\n"
            "│ m      │        2 │\n"
            "└────────┴──────────┘");
  // A name gives way before that.
  EXPECT_EQ(draw_table({"a long name of a metric", "x"}, {{"m", "12"}},
                       {.width = 20}),
            "┌─────────────┬────┐\n"
            "│ a long nam… │  x │\n"
            "├─────────────┼────┤\n"
            "│ m           │ 12 │\n"
            "└─────────────┴────┘");
}

TEST(Table, IsNeverWiderThanTheTerminal) {
  for (int width = 10; width <= 200; ++width) {
    std::istringstream table(draw_table(
        {"metric", "DataLoader 0", "DataLoader 1", "検証"},
        {{"a rather long name of a metric", "0.123456", "12", "1.5"}},
        {.width = width}));
    for (std::string line; std::getline(table, line);) {
      ASSERT_LE(columns_of(line), width) << line;
    }
  }
}

}  // namespace
}  // namespace bolt::ui
