#include "loggers/tensorboard/tfrecord.h"

#include <gtest/gtest.h>

#include <string>

#include "core/crc32c.h"

namespace bolt::detail {
namespace {

// RFC 3720, B.4, and the usual check.
TEST(Crc32c, HasTheKnownValues) {
  EXPECT_EQ(crc32c(""), 0u);
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43u);
  std::string up;
  for (char c = 0; c < 32; ++c) up += c;
  EXPECT_EQ(crc32c(up), 0x46DD794Eu);
}

TEST(TfRecord, IsWhatTensorFlowWrites) {
  // The record that TensorBoard's own RecordWriter makes of b"abc".
  EXPECT_EQ(tfrecord("abc"), std::string("\x03\x00\x00\x00\x00\x00\x00\x00"
                                         "\xb0\x99\x49\x0e"
                                         "abc"
                                         "\x6e\x57\xf1\x21",
                                         19));
}

TEST(TfRecord, ATornEndLeavesWhatIsBeforeIt) {
  const std::string one = tfrecord("first"), two = tfrecord("");
  const std::string file = one + two + tfrecord(std::string(100, 'x'));
  for (std::size_t size = 0; size <= file.size(); ++size) {
    const TfRecords read =
        read_tfrecords(std::string_view(file).substr(0, size));
    const std::size_t whole = size == file.size()               ? 3
                              : size >= one.size() + two.size() ? 2
                              : size >= one.size()              ? 1
                                                                : 0;
    ASSERT_EQ(read.contents.size(), whole) << size;
    ASSERT_LE(read.bytes, size);
  }
}

TEST(TfRecord, AByteThatChangedEndsTheFileThere) {
  const std::string file = tfrecord("first") + tfrecord("second");
  for (std::size_t k = 0; k < file.size(); ++k) {
    std::string changed = file;
    changed[k] = static_cast<char>(changed[k] ^ 0x10);
    const bool in_first = k < tfrecord("first").size();
    ASSERT_EQ(read_tfrecords(changed).contents.size(), in_first ? 0u : 1u) << k;
  }
}

}  // namespace
}  // namespace bolt::detail
