#include "core/zip_writer.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "core/zip.h"
#include "support/temp_dir.h"

namespace bolt::detail {
namespace {

class ZipWriting : public ::testing::Test {
 protected:
  void write(const std::vector<std::pair<std::string, std::string>>& files,
             ZipWriterOptions options) {
    AtomicFile file(path_);
    ZipWriter zip(file, options);
    for (const auto& [name, bytes] : files) zip.add(name, bytes);
    zip.finish();
    file.commit(false);
  }
  // Also compares every checksum.
  std::string read(const ZipReader& zip, std::size_t entry) {
    const auto source = zip.open(zip.entries()[entry]);
    std::string bytes(static_cast<std::size_t>(source->at_most()), '\0');
    source->read(bytes.data(), bytes.size(), "all");
    source->expect_end();
    return bytes;
  }

  testing::TempDir dir_;
  std::filesystem::path path_ = dir_.path() / "a.zip";
};

// A limit of 100 stands for the 4 GiB of the real one.
TEST_F(ZipWriting, UsesZip64WhereNumbersHaveNoRoom) {
  std::vector<std::pair<std::string, std::string>> files;
  for (std::size_t k = 0; k < 8; ++k) {
    files.emplace_back("folder/" + std::to_string(k),
                       std::string(k * 40, static_cast<char>('a' + k)));
  }
  for (const uint64_t limit : {uint64_t{100}, uint64_t{0xffffffff}}) {
    for (const uint64_t align : {uint64_t{1}, uint64_t{64}}) {
      write(files, {.align = align, .zip64_from = limit});
      const InputFile file("test", path_);
      const ZipReader zip(file);
      ASSERT_EQ(zip.entries().size(), files.size());
      for (std::size_t k = 0; k < files.size(); ++k) {
        EXPECT_EQ(zip.entries()[k].name, files[k].first);
        EXPECT_EQ(read(zip, k), files[k].second);
        EXPECT_EQ(zip.data_offset(zip.entries()[k]) % align, 0U);
      }
    }
  }
}

TEST_F(ZipWriting, HoldsMoreFilesThanTheOldRecordsCanCount) {
  std::vector<std::pair<std::string, std::string>> files;
  for (int k = 0; k < 66'000; ++k) files.emplace_back(std::to_string(k), "");
  write(files, {});
  const InputFile file("test", path_);
  const ZipReader zip(file);
  EXPECT_EQ(zip.entries().size(), files.size());
  EXPECT_EQ(zip.entries().back().name, "65999");
}

}  // namespace
}  // namespace bolt::detail
