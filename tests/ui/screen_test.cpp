#include <gtest/gtest.h>
#include <pty.h>
#include <torchbolt/ui/screen.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>

namespace bolt::ui {
namespace {

// A terminal, and all that was written to it.
class Terminal {
 public:
  Terminal() {
    winsize size{.ws_row = 24, .ws_col = 40, .ws_xpixel = 0, .ws_ypixel = 0};
    EXPECT_EQ(::openpty(&master_, &slave_, nullptr, nullptr, &size), 0);
    reader_ = std::thread([this] {
      char bytes[4096];
      for (;;) {
        const ssize_t n = ::read(master_, bytes, sizeof(bytes));
        if (n <= 0) return;
        text_.append(bytes, static_cast<std::size_t>(n));
      }
    });
  }
  int fd() const { return slave_; }
  std::string finish() {
    ::close(slave_);
    reader_.join();
    ::close(master_);
    return text_;
  }

 private:
  int master_ = -1;
  int slave_ = -1;
  std::thread reader_{};
  std::string text_{};
};

class ScreenTest : public ::testing::Test {
 protected:
  void SetUp() override { ::setenv("TERM", "xterm", 1); }
};

TEST_F(ScreenTest, TextGoesAboveTheLinesWhole) {
  Terminal terminal;
  {
    std::atomic<int> width_seen{0};
    Screen screen(terminal.fd(), {.lines =
                                      [&](int width, bool) {
                                        width_seen = width;
                                        return std::vector<std::string>{
                                            "BAR-1", "BAR-2"};
                                      },
                                  .plain = [] { return std::string(); }});
    ASSERT_TRUE(screen.terminal());
    std::thread other([&] {
      for (int k = 0; k < 50; ++k) screen.print(terminal.fd(), "from-thread");
    });
    for (int k = 0; k < 50; ++k) screen.print(terminal.fd(), "from-main");
    other.join();
    EXPECT_EQ(width_seen, 40);
  }
  const std::string text = terminal.finish();
  // Each text is followed by its line end, never by a piece of a bar.
  int texts = 0;
  for (const std::string word : {"from-main", "from-thread"}) {
    for (std::size_t at = text.find(word); at != std::string::npos;
         at = text.find(word, at + 1)) {
      EXPECT_EQ(text.substr(at + word.size(), 2), "\r\n");
      ++texts;
    }
  }
  EXPECT_EQ(texts, 100);
  // In the end the lines are gone: the last thing done is to clear them.
  EXPECT_TRUE(text.ends_with("\r\x1b[J"));
}

TEST_F(ScreenTest, WithoutATerminalThereAreNoControlCharacters) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  {
    Screen screen(
        ends[1],
        {.lines = [](int, bool) { return std::vector<std::string>{"BAR"}; },
         .plain = [] { return std::string("line"); }});
    EXPECT_FALSE(screen.terminal());
    screen.print(ends[1], "text");
  }
  ::close(ends[1]);
  char bytes[256];
  const ssize_t n = ::read(ends[0], bytes, sizeof(bytes));
  ::close(ends[0]);
  EXPECT_EQ(std::string(bytes, static_cast<std::size_t>(n)), "text\n");
}

}  // namespace
}  // namespace bolt::ui
