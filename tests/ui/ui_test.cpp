#include <gtest/gtest.h>
#include <torchbolt/ui/bar.h>
#include <torchbolt/ui/table.h>

#include <algorithm>

namespace bolt::ui {
namespace {

using namespace std::chrono_literals;

int columns(const std::string& text) {
  return static_cast<int>(
      std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

const BarState kBar{.label = "Epoch 2",
                    .done = 120,
                    .total = 480,
                    .elapsed = 2s,
                    .metrics = "train/loss 0.412 val/acc 0.871"};

TEST(Bar, ShowsAllThereIsRoomFor) {
  EXPECT_EQ(draw_bar(kBar, 100, false),
            "Epoch 2 ━━━━━━━━────────────────────────── 120/480 0:02<0:06 "
            "60.0it/s train/loss 0.412 val/acc 0.871");
}

TEST(Bar, IsNeverWiderThanTheTerminal) {
  for (int width = 1; width <= 120; ++width) {
    EXPECT_LE(columns(draw_bar(kBar, width, false)), width);
  }
}

TEST(Bar, KnowsNoEndWhereThereIsNone) {
  BarState state = kBar;
  state.total.reset();
  EXPECT_NE(draw_bar(state, 100, false).find("120/? 0:02 60.0it/s"),
            std::string::npos);
}

TEST(Bar, ColourOnlyWhenAsked) {
  EXPECT_EQ(draw_bar(kBar, 100, false).find('\x1b'), std::string::npos);
  EXPECT_NE(draw_bar(kBar, 100, true).find("\x1b[32m"), std::string::npos);
}

TEST(Table, FitsItsColumns) {
  EXPECT_EQ(draw_table({"metric", "value"}, {{"val/acc", "0.9"}, {"x"}}),
            "┌─────────┬───────┐\n"
            "│ metric  │ value │\n"
            "├─────────┼───────┤\n"
            "│ val/acc │   0.9 │\n"
            "│ x       │       │\n"
            "└─────────┴───────┘");
}

}  // namespace
}  // namespace bolt::ui
