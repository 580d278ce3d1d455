#include <gtest/gtest.h>
#include <torchbolt/ui/screen.h>
#include <torchbolt/ui/streams.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <iostream>
#include <memory>
#include <string>
#include <thread>

#include "support/environment.h"
#include "support/fake_clock.h"
#include "support/pty.h"

namespace bolt::ui {
namespace {

using namespace std::chrono_literals;
using bolt::testing::FakeClock;
using bolt::testing::Pty;
using bolt::testing::WithEnvironment;
using Lines = std::vector<std::string>;

class ScreenTest : public ::testing::Test {
 protected:
  static Screen::Source source(Lines lines) {
    return {.lines = [lines](int) { return lines; },
            .plain = [] { return std::string("plain"); }};
  }
  // The clock stands, so frames are drawn when the test says so.
  void next_frame(Screen& screen) {
    clock.advance(100ms);
    screen.refresh();
  }
  static void raw(const Pty& terminal, const std::string& text) {
    ASSERT_EQ(::write(terminal.fd(), text.data(), text.size()),
              static_cast<ssize_t>(text.size()));
  }

  WithEnvironment term_{"TERM", "xterm"};
  FakeClock clock;
};

TEST_F(ScreenTest, TextGoesAboveTheLinesWhole) {
  Pty terminal(40);
  {
    Screen screen(terminal.fd(), source({"BAR-1", "BAR-2"}));
    ASSERT_TRUE(screen.terminal());
    std::thread other([&] {
      for (int k = 0; k < 50; ++k) screen.print(terminal.fd(), "from-thread");
    });
    for (int k = 0; k < 50; ++k) screen.print(terminal.fd(), "from-main");
    other.join();
  }
  const auto shown = terminal.screen();
  EXPECT_EQ(shown.unknown(), "");
  EXPECT_TRUE(shown.cursor_shown());
  const Lines lines = shown.lines();
  EXPECT_EQ(std::ranges::count(lines, "from-main"), 50);
  EXPECT_EQ(std::ranges::count(lines, "from-thread"), 50);
  EXPECT_EQ(lines.size(), 100u);  // and no piece of a bar
}

TEST_F(ScreenTest, LinesStandBelowWhatWasWritten) {
  Pty terminal(40);
  {
    Screen screen(terminal.fd(), source({"BAR-1", "BAR-2"}), {.clock = &clock});
    next_frame(screen);
    screen.print(terminal.fd(), "one");
    screen.write(terminal.fd(), "two, ");
    next_frame(screen);
    screen.write(terminal.fd(), "and more\n");
    raw(terminal, "@now@");
  }
  const auto shown = terminal.screen("@now@");
  EXPECT_EQ(shown.lines(),
            (Lines{"one", "two, and more", "", "BAR-1", "BAR-2"}));
  EXPECT_FALSE(shown.cursor_shown());
}

TEST_F(ScreenTest, WhatOthersWriteIsNeverDrawnOver) {
  Pty terminal(40, 6);
  {
    Screen screen(terminal.fd(), source({"BAR-1", "BAR-2"}), {.clock = &clock});
    next_frame(screen);
    raw(terminal, "a line past the screen\n");
    next_frame(screen);
    raw(terminal, "half ");
    next_frame(screen);
    raw(terminal, "a line\n");
    next_frame(screen);
    for (int k = 0; k < 8; ++k) {
      raw(terminal, "scrolls " + std::to_string(k) + "\n");
      next_frame(screen);
    }
    raw(terminal, "^C");
    screen.print(terminal.fd(), "the end");
  }
  EXPECT_EQ(terminal.screen().lines(),
            (Lines{"a line past the screen", "half a line", "scrolls 0",
                   "scrolls 1", "scrolls 2", "scrolls 3", "scrolls 4",
                   "scrolls 5", "scrolls 6", "scrolls 7", "^C", "the end"}));
}

TEST_F(ScreenTest, DrawsAtMostTenFramesASecond) {
  Pty terminal(40);
  Screen screen(terminal.fd(), source({"BAR"}), {.clock = &clock});
  for (int second = 0; second < 3; ++second) {
    const int64_t before = screen.frames();
    for (int tick = 0; tick < 1000; ++tick) {
      clock.advance(1ms);
      screen.refresh();
      screen.write(terminal.fd(), "");
    }
    EXPECT_LE(screen.frames() - before, 10 + (second == 0));
    EXPECT_GE(screen.frames() - before, 9);
  }
}

TEST_F(ScreenTest, AsksForTheWidthEachTime) {
  Pty terminal(40);
  std::atomic<int> width{0};
  Screen screen(terminal.fd(),
                {.lines =
                     [&](int w) {
                       width = w;
                       return Lines{"BAR"};
                     },
                 .plain = [] { return std::string(); }},
                {.clock = &clock});
  next_frame(screen);
  EXPECT_EQ(width, 39);
  terminal.resize(120);
  next_frame(screen);
  EXPECT_EQ(width, 119);
}

TEST_F(ScreenTest, NeverTakesMoreLinesThanThereAre) {
  Pty terminal(40, 3);
  {
    Screen screen(terminal.fd(), source({"1", "2", "3", "4"}),
                  {.clock = &clock});
    next_frame(screen);
    screen.print(terminal.fd(), "text");
    next_frame(screen);
  }
  EXPECT_EQ(terminal.screen().lines(), Lines{"text"});
}

TEST_F(ScreenTest, StreamsGoThroughIt) {
  Pty terminal(40);
  {
    const bolt::testing::OutputTo output(terminal.fd());
    const auto screen =
        std::make_shared<Screen>(terminal.fd(), source({"BAR-1", "BAR-2"}),
                                 Screen::Options{.clock = &clock});
    next_frame(*screen);
    std::streambuf* before = std::cout.rdbuf();
    {
      const StreamsAbove streams(screen);
      const StreamsAbove others(screen);  // does nothing
      std::cout << "a table\nof several\nlines\n";
      raw(terminal, "(now)\n");  // at each line end, not later
      std::cerr << "an error, " << 1 << std::endl;
      std::cout << "begun" << std::flush;
      next_frame(*screen);
      std::cout << " and ended" << '\n';
    }
    EXPECT_EQ(std::cout.rdbuf(), before);
  }
  EXPECT_EQ(terminal.screen().lines(),
            (Lines{"a table", "of several", "lines", "(now)", "an error, 1",
                   "begun and ended"}));
}

TEST_F(ScreenTest, WithoutATerminalThereAreNoControlCharacters) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  {
    Screen screen(ends[1], source({"BAR"}), {.plain = std::chrono::hours(1)});
    EXPECT_FALSE(screen.terminal());
    screen.print(ends[1], "text");
    screen.close();
    screen.print(ends[1], "late");
  }
  ::close(ends[1]);
  char bytes[256];
  const ssize_t n = ::read(ends[0], bytes, sizeof(bytes));
  ::close(ends[0]);
  EXPECT_EQ(std::string(bytes, static_cast<std::size_t>(n)), "text\nlate\n");
}

}  // namespace
}  // namespace bolt::ui
