#include <gtest/gtest.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "loggers/mlflow/journal.h"
#include "support/full_disk.h"
#include "support/log_capture.h"
#include "support/temp_dir.h"
#include "support/write_file.h"

namespace bolt::detail {
namespace {

namespace fs = std::filesystem;
using testing::FullDisk;
using testing::LogCapture;
using testing::TempDir;

// What is read back, as "number op".
std::vector<std::string> lines_of(const Journal& journal) {
  std::vector<std::string> lines;
  for (uint64_t at = 0; at < journal.size();) {
    const std::string bytes = journal.read(at, 2 * kMostJournalLine);
    std::string_view rest = bytes;
    while (const auto line = take_line(rest)) {
      lines.push_back(std::to_string(line->seq) + " " + std::string(line->op));
    }
    if (rest.size() == bytes.size()) break;
    at += bytes.size() - rest.size();
  }
  return lines;
}

std::vector<std::string> lines_in(const fs::path& path) {
  return lines_of(Journal(path));
}

TEST(MlflowJournal, GivesBackWhatWasAdded) {
  const TempDir dir;
  const fs::path path = dir.path() / "deep" / "a.jsonl";
  {
    Journal journal(path);
    EXPECT_EQ(journal.size(), 0u);
    EXPECT_TRUE(journal.append("run", "\"key\":\"k\""));
    EXPECT_TRUE(journal.append("end", ""));
  }
  Journal journal(path);
  journal.append("more", "");
  EXPECT_EQ(lines_of(journal),
            (std::vector<std::string>{"0 run", "1 end", "2 more"}));
  std::string_view first;
  const std::string bytes = journal.read(0, 1000);
  first = bytes;
  const auto line = take_line(first);
  ASSERT_TRUE(line);
  EXPECT_NE(line->json.find(",\"seq\":0,\"op\":\"run\",\"key\":\"k\"}"),
            std::string_view::npos);
}

// However far the last write got, what is before it is there, and what comes
// after goes on.
TEST(MlflowJournal, IsCutBehindItsLastWholeLine) {
  const TempDir dir;
  const fs::path whole = dir.path() / "whole.jsonl";
  std::vector<uint64_t> ends;
  {
    Journal journal(whole);
    for (const char* op : {"run", "params", "metrics", "status"}) {
      journal.append(op, "\"text\":\"a\\nb\"");
      ends.push_back(journal.size());
    }
  }
  const std::string bytes = read_file(whole);
  ASSERT_EQ(bytes.size(), ends.back());
  for (std::size_t size = ends[1]; size <= bytes.size(); ++size) {
    const fs::path path = dir.path() / "torn.jsonl";
    testing::write_file(path, bytes.substr(0, size));
    const std::size_t left = size < ends[2] ? 2 : size < ends[3] ? 3 : 4;
    {
      Journal journal(path);
      ASSERT_EQ(journal.size(), ends[left - 1]) << size;
      journal.append("again", "");
      ASSERT_EQ(fs::file_size(path), journal.size()) << size;
    }
    const auto lines = lines_in(path);
    ASSERT_EQ(lines.size(), left + 1) << size;
    EXPECT_EQ(lines.back(), std::to_string(left) + " again");
  }
}

TEST(MlflowJournal, KeepsAsideWhatFollowsDamage) {
  const TempDir dir;
  const fs::path path = dir.path() / "a.jsonl";
  {
    Journal journal(path);
    for (int k = 0; k < 3; ++k) journal.append("metrics", "\"count\":1");
  }
  std::string bytes = read_file(path);
  const std::size_t second = bytes.find('\n') + 1;
  bytes[second + 30] ^= 1;
  testing::write_file(path, bytes);
  const LogCapture log;
  EXPECT_EQ(lines_in(path), (std::vector<std::string>{"0 metrics"}));
  EXPECT_EQ(log.count("is damaged at byte " + std::to_string(second)), 1);
  EXPECT_EQ(read_file(path.string() + ".damaged"), bytes.substr(second));
}

TEST(MlflowJournal, OneAtATimeHasIt) {
  const TempDir dir;
  const Journal journal(dir.path() / "a.jsonl");
  try {
    Journal second(dir.path() / "a.jsonl");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("in use by another process"),
              std::string::npos);
  }
}

TEST(MlflowJournal, IsCutForARunThatGoesOn) {
  const TempDir dir;
  Journal journal(dir.path() / "a.jsonl");
  journal.append("run", "");
  journal.append("metrics", "");
  const uint64_t here = journal.size();
  journal.append("metrics", "");
  journal.cut(here);
  EXPECT_EQ(journal.size(), here);
  journal.append("status", "");
  EXPECT_EQ(lines_of(journal),
            (std::vector<std::string>{"0 run", "1 metrics", "2 status"}));
}

TEST(MlflowJournal, KeepsLinesInMemoryWhileTheDiskIsFull) {
  const TempDir dir;
  const fs::path path = dir.path() / "a.jsonl";
  Journal journal(path);
  journal.append("run", "");
  {
    const FullDisk full(journal.size() + 20);
    EXPECT_TRUE(journal.append("metrics", ""));
    EXPECT_TRUE(journal.append("status", ""));
    EXPECT_EQ(journal.write_error(), EFBIG);
    EXPECT_EQ(journal.waiting(), 2);
    EXPECT_EQ(lines_of(journal),
              (std::vector<std::string>{"0 run", "1 metrics", "2 status"}));
    // No half line.
    EXPECT_EQ(read_file(path).back(), '\n');
  }
  journal.append("metrics", "");
  EXPECT_EQ(journal.write_error(), 0);
  EXPECT_EQ(read_file(path).size(), journal.size());
  EXPECT_EQ(lines_of(journal).size(), 4u);
}

TEST(MlflowJournal, DropsMetricsWhenTooManyWait) {
  const TempDir dir;
  Journal journal(dir.path() / "a.jsonl");
  journal.append("run", "");
  const FullDisk full(journal.size());
  const std::string big = "\"x\":\"" + std::string(500'000, 'x') + "\"";
  int taken = 0;
  for (int k = 0; k < 50; ++k) {
    taken += journal.append("metrics", big, Journal::Keep::kIfRoom) ? 1 : 0;
  }
  EXPECT_GT(taken, 20);
  EXPECT_EQ(journal.dropped(), 50 - taken);
  EXPECT_GT(journal.dropped(), 0);
  EXPECT_TRUE(journal.append("status", ""));
  EXPECT_EQ(lines_of(journal).back(), std::to_string(taken + 1) + " status");
}

}  // namespace
}  // namespace bolt::detail
