#include "loggers/record_file.h"

#include <gtest/gtest.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>

#include "support/errors.h"
#include "support/full_disk.h"
#include "support/temp_dir.h"

namespace bolt::detail {
namespace {

TEST(RecordFile, WritesWhatWasAddedInOnePiece) {
  const testing::TempDir dir;
  const auto path = dir.path() / "sub" / "file";
  RecordFile file(path, 0);
  file.add("one ");
  file.add("two ");
  EXPECT_EQ(read_file(path), "");
  EXPECT_EQ(file.pending(), 2u);
  file.flush();
  EXPECT_EQ(read_file(path), "one two ");
  EXPECT_EQ(file.size(), 8u);
  EXPECT_EQ(file.pending(), 0u);
}

TEST(RecordFile, GoesOnBehindTheFirstBytes) {
  const testing::TempDir dir;
  const auto path = dir.path() / "file";
  write_atomic(path, "kept|gone");
  RecordFile file(path, 5);
  EXPECT_EQ(read_file(path), "kept|");
  file.append("new");
  EXPECT_EQ(read_file(path), "kept|new");
  EXPECT_TRUE(
      testing::has(testing::message_of<Error>([&] { RecordFile(path, 100); }),
                   {"file", "shorter", "8 bytes", "100"}));
}

TEST(RecordFile, AFullDiskLeavesWholeRecordsAndTheRestWaits) {
  const testing::TempDir dir;
  const auto path = dir.path() / "file";
  RecordFile file(path, 0);
  const std::string record(100, 'r');
  file.add(record);
  file.flush();
  testing::FullDisk full(150);
  file.add(record);
  EXPECT_TRUE(testing::has(testing::message_of<Error>([&] { file.flush(); }),
                           {"file", "write"}));
  EXPECT_EQ(read_file(path), record);
  file.add(record);
  EXPECT_THROW(file.flush(), Error);
  EXPECT_EQ(read_file(path), record);
  EXPECT_EQ(file.pending(), 2u);
  full.end();
  file.flush();
  EXPECT_EQ(read_file(path), record + record + record);
}

TEST(RecordFile, KeepsNoMoreThanItMay) {
  const testing::TempDir dir;
  RecordFile file(dir.path() / "file", 0, {.most_pending = 10});
  file.add("123456");
  EXPECT_THROW(file.add("12345"), Error);
  file.add("1234");
  file.flush();
  EXPECT_EQ(read_file(dir.path() / "file"), "1234561234");
}

TEST(RecordFile, SeesThatThePathIsAnothersNow) {
  const testing::TempDir dir;
  const auto path = dir.path() / "file";
  RecordFile file(path, 0);
  EXPECT_TRUE(file.is_there());
  std::filesystem::remove(path);
  EXPECT_FALSE(file.is_there());
  write_atomic(path, "another");
  EXPECT_FALSE(file.is_there());
}

}  // namespace
}  // namespace bolt::detail
