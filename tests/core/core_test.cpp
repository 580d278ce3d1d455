#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <torchbolt/core/duration.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>
#include <torchbolt/core/number.h>
#include <torchbolt/core/signals.h>
#include <unistd.h>

#include <cmath>
#include <fstream>

#include "support/errors.h"
#include "support/log_capture.h"
#include "support/temp_dir.h"

namespace bolt {
namespace {

using namespace std::chrono_literals;
using testing::has;
using testing::message_of;

TEST(Error, SaysWhereWhatGotExpectedAndTip) {
  const ConfigError error({.where = "Trainer",
                           .what = "max_epochs is wrong",
                           .got = "-5",
                           .expected = "at least 0",
                           .tip = "10"});
  EXPECT_STREQ(error.what(),
               "[Trainer] max_epochs is wrong; got -5, expected at least 0; "
               "try: 10");
}

TEST(Error, DidYouMeanFindsTheNearAndNotTheFar) {
  const std::vector<std::string> known{"val/loss", "val/acc", "lr"};
  EXPECT_EQ(did_you_mean("val/los", known), "val/loss");
  EXPECT_EQ(did_you_mean("something else", known), "");
}

TEST(Duration, ReadsFourNumbersAndNothingElse) {
  EXPECT_EQ(parse_duration("01:02:03:04"), 24h + 2h + 3min + 4s);
  EXPECT_EQ(parse_duration("0:0:0:90"), 90s);
  for (const char* bad : {"", "1:2:3", "1:2:3:4:5", "a:b:c:d", "1:2:3:-4",
                          "1:2:3:4 ", "1::3:4", "1:2:3:4.5"}) {
    EXPECT_FALSE(parse_duration(bad)) << bad;
  }
}

TEST(Duration, IsWrittenWithHoursOnlyWhereThereAreSome) {
  EXPECT_EQ(format_duration(5s), "0:05");
  EXPECT_EQ(format_duration(1h + 2min + 3s), "1:02:03");
}

TEST(Number, ShortestReadsBackTheSame) {
  for (const double v : {0.1, 1e-300, 12345678.9, 1.0 / 3}) {
    EXPECT_EQ(std::stod(shortest(v)), v);
  }
  EXPECT_EQ(shortest(std::nan("")), "nan");
  EXPECT_EQ(shortest(-INFINITY), "-inf");
}

TEST(Number, CsvFieldsAreQuotedWhereTheyMust) {
  EXPECT_EQ(csv_field("plain"), "plain");
  EXPECT_EQ(csv_field("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_field("say \"x\""), "\"say \"\"x\"\"\"");
}

TEST(Files, AtomicWriteReplacesWhole) {
  const testing::TempDir dir;
  const auto path = dir.path() / "deep" / "file";
  write_atomic(path, "one");
  write_atomic(path, "two");
  EXPECT_EQ(read_file(path), "two");
  // Nothing else is left behind.
  EXPECT_EQ(
      std::distance(std::filesystem::directory_iterator(path.parent_path()),
                    std::filesystem::directory_iterator()),
      1);
}

TEST(Files, ErrorsNameThePath) {
  EXPECT_TRUE(has(message_of<Error>([] { read_file("/no/such/file"); }),
                  {"/no/such/file", "No such file"}));
  EXPECT_TRUE(
      has(message_of<Error>([] { write_atomic("/proc/nothing/file", "x"); }),
          {"/proc/nothing"}));
}

TEST(Log, OncePassesEachMessageOnce) {
  const testing::LogCapture log;
  OnceLog once;
  once.warning("again");
  once.warning("again");
  once.warning("other");
  EXPECT_EQ(log.count("again"), 1);
  EXPECT_EQ(log.count("other"), 1);
}

TEST(Signals, AreCountedFromTheStartAndHandlersComeBack) {
  struct sigaction before{};
  ::sigaction(SIGTERM, nullptr, &before);
  {
    const auto source = make_signal_source();
    source->start({SIGTERM}, std::nullopt);
    EXPECT_EQ(source->pending(SIGTERM), 0);
    ::raise(SIGTERM);
    EXPECT_EQ(source->pending(SIGTERM), 1);
    const auto later = make_signal_source();
    later->start({SIGTERM}, std::nullopt);
    EXPECT_EQ(later->pending(SIGTERM), 0);
    ::raise(SIGTERM);
    EXPECT_EQ(later->pending(SIGTERM), 1);
    EXPECT_EQ(source->pending(SIGTERM), 2);
  }
  struct sigaction after{};
  ::sigaction(SIGTERM, nullptr, &after);
  EXPECT_EQ(after.sa_handler, before.sa_handler);
}

TEST(Signals, ASecondCtrlCEndsTheProcessAtOnce) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto source = make_signal_source();
    source->start({SIGINT}, std::nullopt);
    ::raise(SIGINT);
    if (source->pending(SIGINT) != 1) ::_exit(1);
    ::raise(SIGINT);
    ::_exit(2);  // not reached
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 130);
}

}  // namespace
}  // namespace bolt
