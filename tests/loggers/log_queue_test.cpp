#include "loggers/log_queue.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <torchbolt/core/error.h>
#include <unistd.h>

#include <latch>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/errors.h"
#include "support/log_capture.h"

namespace bolt::detail {
namespace {

using std::chrono::milliseconds;

// Writes a line for each row, and waits where it is told to.
struct Lines final : LogWriter {
  void write(const MetricRow& row) override {
    if (gate != nullptr) gate->wait();
    if (fails) throw Error({.where = "disk", .what = "is full"});
    std::string line = std::to_string(row.step);
    for (std::size_t k = 0; k < row.values.size(); ++k) {
      line += " " + (*row.names)[k] + "=" + std::to_string(int(row.values[k]));
    }
    lines.push_back(line);
    if (done != nullptr) done->count_down();
  }
  void end_batch() override { ++batches; }

  std::vector<std::string> lines{};
  int batches = 0;
  std::latch* gate = nullptr;
  std::latch* done = nullptr;
  bool fails = false;
};

struct Queue {
  explicit Queue(LogQueueOptions options = {})
      : queue(lines, (options.who = "Lines", options)) {}
  std::shared_ptr<Lines> lines = std::make_shared<Lines>();
  LogQueue queue;
};

TEST(LogQueue, WritesInTurnAndFlushWaitsForIt) {
  Queue q;
  q.queue.add({{"b", 2}, {"a", 1}}, 0);
  q.queue.post([lines = q.lines] { lines->lines.push_back("job"); });
  q.queue.add({{"c", 3}}, 1);
  q.queue.add({{"b", 5}, {"a", 4}}, 2);
  EXPECT_TRUE(q.queue.flush());
  EXPECT_EQ(q.lines->lines, (std::vector<std::string>{"0 a=1 b=2", "job",
                                                      "1 c=3", "2 a=4 b=5"}));
  EXPECT_GE(q.lines->batches, 1);
  EXPECT_EQ(q.queue.lost(), LogQueue::Lost());
}

TEST(LogQueue, TheEndWaitsForAll) {
  const auto lines = std::make_shared<Lines>();
  {
    LogQueue queue(lines, {.who = "Lines"});
    for (int64_t step = 0; step < 1000; ++step) queue.add({{"a", 0}}, step);
  }
  EXPECT_EQ(lines->lines.size(), 1000u);
}

TEST(LogQueue, WithoutRoomTheOldestRowsGoAndJobsStay) {
  const testing::LogCapture log;
  std::latch gate(1);
  Queue q({.most_rows = 8, .wait_for_room = milliseconds(1)});
  q.lines->gate = &gate;
  q.queue.post([lines = q.lines] { lines->lines.push_back("settings"); });
  // One row at most is with the writer, which waits.
  q.queue.add({{"a", 0}}, -1);
  for (int64_t step = 0; step < 100; ++step) q.queue.add({{"a", 0}}, step);
  gate.count_down();
  EXPECT_TRUE(q.queue.finish());
  const uint64_t dropped = q.queue.lost().dropped;
  EXPECT_GE(dropped, 100u - 8 - 8);
  EXPECT_EQ(q.lines->lines.size(), 102 - dropped);
  EXPECT_EQ(q.lines->lines.front(), "settings");
  EXPECT_EQ(q.lines->lines.back(), "99 a=0");
  EXPECT_EQ(log.count(std::to_string(dropped) + " of what was logged are lost"),
            1);
}

TEST(LogQueue, PicturesThatDontFitAreLeftOut) {
  const testing::LogCapture log;
  std::latch gate(1);
  Queue q({.most_bytes = 100, .wait_for_room = milliseconds(1)});
  q.lines->gate = &gate;
  q.queue.add({{"a", 0}}, 0);
  int drawn = 0;
  // The first may have been taken already.
  for (int k = 0; k < 10; ++k) q.queue.offer(90, [&] { ++drawn; });
  gate.count_down();
  EXPECT_TRUE(q.queue.finish());
  EXPECT_LE(drawn, 4);
  EXPECT_EQ(q.queue.lost().dropped + static_cast<uint64_t>(drawn), 10u);
}

TEST(LogQueue, AnErrorIsSaidOnceAndTrainingGoesOn) {
  const testing::LogCapture log;
  Queue q;
  q.lines->fails = true;
  for (int64_t step = 0; step < 20; ++step) q.queue.add({{"a", 0}}, step);
  EXPECT_TRUE(q.queue.flush());
  EXPECT_EQ(log.count("[Lines] [disk] is full"), 1);
  q.lines->fails = false;
  q.queue.add({{"a", 0}}, 20);
  EXPECT_TRUE(q.queue.finish());
  EXPECT_EQ(q.lines->lines, std::vector<std::string>{"20 a=0"});
  EXPECT_EQ(q.queue.lost().failed, 20u);
  EXPECT_EQ(log.count("20 of what was logged are lost"), 1);
  EXPECT_TRUE(q.queue.finish());
  EXPECT_EQ(log.count("of what was logged"), 1);
}

TEST(LogQueue, StrictOnesThrowItAtTheNextCall) {
  const testing::LogCapture log;
  Queue q({.strict = true});
  q.lines->fails = true;
  q.queue.add({{"a", 0}}, 0);
  EXPECT_TRUE(testing::has(testing::message_of<Error>([&] { q.queue.flush(); }),
                           {"disk", "is full"}));
  q.lines->fails = false;
  q.queue.add({{"a", 0}}, 1);
  EXPECT_TRUE(q.queue.flush());
}

TEST(LogQueue, AWriterThatHangsIsLeftAlone) {
  const testing::LogCapture log;
  std::latch gate(1), done(1);
  const auto lines = std::make_shared<Lines>();
  lines->gate = &gate;
  lines->done = &done;
  {
    LogQueue queue(lines, {.who = "Lines", .deadline = milliseconds(5)});
    queue.add({{"a", 0}}, 0);
    EXPECT_FALSE(queue.flush());
    EXPECT_FALSE(queue.finish());
  }
  EXPECT_EQ(log.count("isn't written yet"), 1);
  gate.count_down();
  done.wait();  // the thread holds what it needs
  EXPECT_EQ(lines->lines.size(), 1u);
}

TEST(LogQueue, AForkedChildWritesNothing) {
  Queue q;
  q.queue.add({{"a", 0}}, 0);
  EXPECT_TRUE(q.queue.flush());
  const pid_t child = ::fork();
  if (child == 0) {
    {
      auto own = std::make_unique<Queue>();
      q.queue.add({{"a", 0}}, 1);
      q.queue.post([lines = q.lines] { lines->lines.push_back("job"); });
      const bool flushed = q.queue.flush();
      if (!flushed || q.lines->lines.size() != 1) ::_exit(1);
    }
    q.queue.~LogQueue();  // doesn't wait for a thread that isn't there
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

}  // namespace
}  // namespace bolt::detail
