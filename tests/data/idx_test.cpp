#include <gtest/gtest.h>
#include <torch/torch.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>
#include <torchbolt/data/idx.h>
#include <zlib.h>

#include "support/errors.h"
#include "support/temp_dir.h"
#include "support/write_file.h"

namespace bolt {
namespace {

using testing::has;
using testing::message_of;

std::string idx_file(unsigned char type, std::vector<int> shape,
                     const std::string& data) {
  std::string bytes{'\0', '\0', char(type), char(shape.size())};
  for (const int n : shape) {
    for (const int shift : {24, 16, 8, 0}) bytes += char(n >> shift & 0xff);
  }
  return bytes + data;
}

void write_gzip(const std::filesystem::path& path, const std::string& bytes) {
  gzFile file = ::gzopen(path.c_str(), "wb");
  ::gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
  ::gzclose(file);
}

TEST(Idx, ReadsPlainAndCompressedAndSwapsBytes) {
  const testing::TempDir dir;
  const auto plain = dir.path() / "plain";
  testing::write_file(plain, idx_file(0x08, {2, 3}, {1, 2, 3, 4, 5, 6}));
  const auto bytes = read_idx(plain);
  EXPECT_EQ(bytes.sizes(), (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(bytes[1][2].item<int>(), 6);

  const auto packed = dir.path() / "packed.gz";
  const std::string shorts =
      idx_file(0x0b, {2}, std::string{'\x01', '\x02', '\0', '\x05'});
  write_gzip(packed, shorts);
  EXPECT_EQ(read_idx(packed)[0].item<int>(), 0x0102);
}

TEST(Idx, NamesWhatIsWrong) {
  const testing::TempDir dir;
  const auto path = dir.path() / "bad";
  const auto error_of = [&](const std::string& bytes) {
    testing::write_file(path, bytes);
    return message_of<DataError>([&] { read_idx(path); });
  };
  const std::string good = idx_file(0x08, {4}, {1, 2, 3, 4});
  for (std::size_t n = 0; n < good.size(); ++n) {
    EXPECT_TRUE(has(error_of(good.substr(0, n)),
                    {"bad", n < 8 ? "too early" : "more than the file holds"}))
        << n;
  }
  EXPECT_TRUE(has(error_of(good + "x"), {"more after"}));
  EXPECT_TRUE(has(error_of("PNG!" + good), {"not an IDX file"}));
  EXPECT_TRUE(has(error_of(idx_file(0x07, {1}, "x")), {"type"}));
  EXPECT_TRUE(has(error_of(idx_file(0x08, {1 << 30, 1 << 30}, "x")),
                  {"more than the file holds"}));
  EXPECT_TRUE(has(error_of(idx_file(0x08, {1 << 30, 1 << 30, 2}, "x")),
                  {"more than can be"}));
  EXPECT_TRUE(has(error_of(idx_file(0x08, std::vector<int>(65, 1), "x")),
                  {"dimensions", "65"}));
  EXPECT_TRUE(
      has(message_of<DataError>([] { read_idx("/no/file"); }), {"/no/file"}));
  EXPECT_TRUE(has(message_of<DataError>([&] { read_idx(dir.path()); }),
                  {"a folder", "a regular file"}));
}

TEST(Idx, RefusesCompressedFilesThatAreCutShortOrBroken) {
  const testing::TempDir dir;
  const auto path = dir.path() / "packed.gz";
  std::string data(100'000, '\0');
  for (std::size_t k = 0; k < data.size(); ++k) {
    data[k] = static_cast<char>(k * k / 7);
  }
  write_gzip(path, idx_file(0x08, {1000, 100}, data));
  EXPECT_EQ(read_idx(path)[999][99].item<int>(),
            static_cast<unsigned char>(data.back()));
  const std::string good = read_file(path);
  // Up to the checksum at the end, which no number depends on.
  std::vector<std::size_t> cuts{20, good.size() / 2};
  for (std::size_t k = 1; k <= 16; ++k) cuts.push_back(good.size() - k);
  for (const std::size_t n : cuts) {
    testing::write_file(path, good.substr(0, n));
    EXPECT_TRUE(has(message_of<DataError>([&] { read_idx(path); }),
                    {"packed.gz", "got"}))
        << n;
  }
  std::string broken = good;
  broken[broken.size() - 6] ^= 1;
  testing::write_file(path, broken);
  EXPECT_TRUE(has(message_of<DataError>([&] { read_idx(path); }),
                  {"compression is broken"}));
}

}  // namespace
}  // namespace bolt
