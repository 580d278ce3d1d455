#include <gtest/gtest.h>
#include <torch/torch.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>
#include <torchbolt/data/make_grid.h>
#include <torchbolt/data/png.h>
#include <zlib.h>

#include <cstdlib>

#include "support/errors.h"
#include "support/temp_dir.h"
#include "support/write_file.h"

namespace bolt {
namespace {

using testing::has;
using testing::message_of;

uint64_t number(std::string_view bytes) {
  uint64_t value = 0;
  for (const char c : bytes.substr(0, 4)) {
    value = value << 8 | static_cast<unsigned char>(c);
  }
  return value;
}

const Bytef* bytes_of(std::string_view text) {
  return reinterpret_cast<const Bytef*>(text.data());
}

struct Picture {
  uint64_t width = 0, height = 0;
  int depth = 0, colour = 0;
  int data_chunks = 0;
  at::Tensor pixels;  // [channels, height, width]
};

int paeth(int a, int b, int c) {
  const int p = a + b - c;
  const int pa = std::abs(p - a), pb = std::abs(p - b), pc = std::abs(p - c);
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}

// Reads by the standard alone: chunks and their checksums, all five filters.
Picture decode(std::string_view file) {
  Picture out;
  EXPECT_EQ(file.substr(0, 8), std::string_view("\x89PNG\r\n\x1a\n", 8));
  file.remove_prefix(8);
  std::string data, last;
  while (file.size() >= 12) {
    const uint64_t size = number(file);
    last = file.substr(4, 4);
    const std::string_view content = file.substr(8, size);
    EXPECT_EQ(number(file.substr(8 + size)),
              ::crc32(0, bytes_of(file) + 4, static_cast<uInt>(size) + 4));
    if (last == "IHDR") {
      EXPECT_EQ(size, 13);
      out.width = number(content);
      out.height = number(content.substr(4));
      out.depth = content[8];
      out.colour = content[9];
      EXPECT_EQ(content.substr(10), std::string_view("\0\0\0", 3));
    } else if (last == "IDAT") {
      data += content;
      ++out.data_chunks;
    }
    file.remove_prefix(12 + size);
  }
  EXPECT_EQ(last, "IEND");
  EXPECT_TRUE(file.empty());
  const std::size_t channels = out.colour == 0   ? 1
                               : out.colour == 4 ? 2
                               : out.colour == 2 ? 3
                                                 : 4;
  const std::size_t width = out.width * channels;
  uLongf size = out.height * (width + 1);
  std::vector<Bytef> raw(size);
  EXPECT_EQ(::uncompress(raw.data(), &size, bytes_of(data), data.size()), Z_OK);
  EXPECT_EQ(size, raw.size());
  std::vector<uint8_t> pixels(out.height * width);
  for (std::size_t y = 0; y < out.height; ++y) {
    const int filter = raw[y * (width + 1)];
    for (std::size_t x = 0; x < width; ++x) {
      const auto at = [&](std::size_t dy, std::size_t dx) -> int {
        return y < dy || x < dx ? 0 : pixels[(y - dy) * width + x - dx];
      };
      const int a = at(0, channels), b = at(1, 0), c = at(1, channels);
      const int before[] = {0, x < channels ? 0 : a, b, (a + b) / 2,
                            paeth(a, b, c)};
      pixels[y * width + x] =
          static_cast<uint8_t>(raw[y * (width + 1) + 1 + x] + before[filter]);
    }
  }
  const auto h = static_cast<int64_t>(out.height);
  const auto w = static_cast<int64_t>(out.width);
  out.pixels =
      torch::from_blob(pixels.data(), {h, w, static_cast<int64_t>(channels)},
                       torch::kByte)
          .permute({2, 0, 1})
          .clone();
  return out;
}

class Png : public ::testing::Test {
 protected:
  Picture written(const at::Tensor& image) {
    write_png(path_, image);
    return decode(read_file(path_));
  }
  std::string error_of(const at::Tensor& image) {
    return message_of<DataError>([&] { write_png(path_, image); });
  }

  testing::TempDir dir_;
  std::filesystem::path path_ = dir_.path() / "new" / "x.png";
};

TEST_F(Png, StoresBytesAsTheyAreInEveryNumberOfChannels) {
  const int colours[] = {0, 4, 2, 6};
  for (int64_t channels = 1; channels <= 4; ++channels) {
    const auto image = torch::randint(256, {channels, 5, 7}, torch::kByte);
    const Picture read = written(image);
    EXPECT_EQ(read.width, 7);
    EXPECT_EQ(read.height, 5);
    EXPECT_EQ(read.depth, 8);
    EXPECT_EQ(read.colour, colours[channels - 1]);
    EXPECT_TRUE(torch::equal(read.pixels, image)) << channels;
  }
  const auto grey = torch::randint(256, {3, 4}, torch::kByte);
  EXPECT_TRUE(torch::equal(written(grey).pixels[0], grey));
  const auto view = torch::randint(256, {4, 6, 3}, torch::kByte)
                        .permute({2, 0, 1})
                        .slice(2, 1, 6, 2);
  EXPECT_TRUE(torch::equal(written(view).pixels, view));
}

TEST_F(Png, RoundsFloatsAndCutsOffWhatLiesBeyond) {
  const auto image = torch::tensor(
      {{-0.5, 0.0, 0.25, 0.5}, {0.999, 1.0, 7.0, HUGE_VAL}}, torch::kDouble);
  const auto wanted =
      torch::tensor({{0, 0, 64, 128}, {255, 255, 255, 255}}, torch::kByte);
  EXPECT_TRUE(torch::equal(written(image).pixels[0], wanted));
  EXPECT_TRUE(torch::equal(
      written(image.to(torch::kFloat).requires_grad_()).pixels[0], wanted));
  const auto half = torch::tensor({{0.0F, 0.25F, 1.0F}}).to(torch::kHalf);
  EXPECT_TRUE(torch::equal(written(half).pixels[0],
                           torch::tensor({{0, 64, 255}}, torch::kByte)));
}

TEST_F(Png, WritesLargePicturesInSeveralChunks) {
  const auto noise = torch::randint(256, {3, 700, 900}, torch::kByte);
  const Picture read = written(noise);
  EXPECT_EQ(read.data_chunks, 2);
  EXPECT_TRUE(torch::equal(read.pixels, noise));
  const auto even = torch::full({3, 700, 900}, 200, torch::kByte);
  EXPECT_EQ(written(even).data_chunks, 1);
  EXPECT_LT(std::filesystem::file_size(path_), 10'000);
}

TEST_F(Png, RefusesWhatIsNoPicture) {
  EXPECT_TRUE(has(error_of({}), {"write_png", "x.png", "undefined"}));
  EXPECT_TRUE(has(error_of(torch::zeros({2, 2}, torch::kLong)),
                  {"CPULongType", "uint8", "0 to 1"}));
  EXPECT_TRUE(has(error_of(torch::zeros({2, 2}, torch::kBool)), {"Bool"}));
  EXPECT_TRUE(has(error_of(torch::zeros({5, 3, 2})),
                  {"[5, 3, 2]", "1 to 4 channels", "permute"}));
  EXPECT_TRUE(has(error_of(torch::zeros({8, 1, 3, 3})), {"make_grid"}));
  EXPECT_TRUE(has(error_of(torch::zeros({7})), {"[7]"}));
  EXPECT_TRUE(has(error_of(torch::zeros({3, 0, 4})), {"[3, 0, 4]", "1 to"}));
  EXPECT_TRUE(has(error_of(torch::full({2, 2}, std::nan(""))), {"NaN"}));
  EXPECT_FALSE(std::filesystem::exists(path_.parent_path()));
}

TEST_F(Png, LeavesTheOldPictureWhereANewOneCannotBe) {
  testing::write_file(dir_.path() / "file", "x");
  path_ = dir_.path() / "file" / "x.png";
  EXPECT_TRUE(
      has(message_of<Error>([&] { written(torch::zeros({2, 2})); }), {"file"}));
}

TEST(EncodePng, IsWhatTheFileHolds) {
  const testing::TempDir folder;
  const auto image = torch::linspace(0, 1, 60).view({3, 4, 5});
  write_png(folder.path() / "a.png", image);
  EXPECT_EQ(encode_png(image), read_file(folder.path() / "a.png"));
  EXPECT_TRUE(has(message_of<DataError>([] { encode_png({}); }),
                  {"encode_png", "undefined"}));
}

TEST(MakeGrid, LaysPicturesOutRowByRow) {
  const auto images = torch::arange(1, 6, torch::kByte).view({5, 1, 1, 1});
  const auto grid = make_grid(images.expand({5, 3, 1, 2}),
                              {.nrow = 3, .padding = 1, .pad_value = 9});
  EXPECT_EQ(grid.scalar_type(), torch::kByte);
  const auto wanted = torch::tensor({{9, 9, 9, 9, 9, 9, 9, 9, 9, 9},
                                     {9, 1, 1, 9, 2, 2, 9, 3, 3, 9},
                                     {9, 9, 9, 9, 9, 9, 9, 9, 9, 9},
                                     {9, 4, 4, 9, 5, 5, 9, 9, 9, 9},
                                     {9, 9, 9, 9, 9, 9, 9, 9, 9, 9}},
                                    torch::kByte);
  EXPECT_TRUE(torch::equal(grid, wanted.expand({3, 5, 10})));
  // Fewer pictures than a row has places.
  EXPECT_EQ(make_grid(torch::zeros({2, 4, 6})).sizes(),
            (std::vector<int64_t>{4 + 2 * 2, 2 * 6 + 3 * 2}));
  EXPECT_TRUE(
      torch::equal(make_grid(images.view({5, 1, 1}), {.nrow = 5, .padding = 0}),
                   torch::tensor({{1, 2, 3, 4, 5}}, torch::kByte)));
}

TEST(MakeGrid, Normalizes) {
  const auto images = torch::tensor({-2.0F, -1.0F, 0.0F, 3.0F}).view({4, 1, 1});
  const auto row = [&](GridOptions options) {
    options.padding = 0;
    options.normalize = true;
    return make_grid(images, options).view({-1});
  };
  EXPECT_TRUE(
      torch::allclose(row({}), torch::tensor({0.0F, 0.2F, 0.4F, 1.0F})));
  EXPECT_TRUE(torch::allclose(row({.value_range = {{-1, 1}}}),
                              torch::tensor({0.0F, 0.0F, 0.5F, 1.0F})));
  const auto even =
      make_grid(torch::full({1, 2, 2}, 5.0F), {.normalize = true});
  EXPECT_EQ(even.abs().max().item<float>(), 0);
}

TEST(MakeGrid, RefusesWhatMakesNoGrid) {
  const auto images = torch::zeros({2, 3, 4, 4});
  const auto config = [&](const GridOptions& options) {
    return message_of<ConfigError>([&] { make_grid(images, options); });
  };
  EXPECT_TRUE(has(config({.nrow = 0}), {"nrow", "at least 1"}));
  EXPECT_TRUE(has(config({.padding = -1}), {"padding", "-1"}));
  EXPECT_TRUE(
      has(config({.value_range = {{1, 1}}}), {"value_range", "1 to 1"}));
  const auto data = [&](const at::Tensor& tensor, GridOptions options = {}) {
    return message_of<DataError>([&] { make_grid(tensor, options); });
  };
  EXPECT_TRUE(has(data(torch::zeros({4, 4})), {"[4, 4]", "[n, channels"}));
  EXPECT_TRUE(has(data(torch::zeros({0, 3, 4, 4})), {"[0, 3, 4, 4]"}));
  EXPECT_TRUE(has(data({}), {"undefined"}));
  EXPECT_TRUE(
      has(data(torch::zeros({1, 2, 2}, torch::kByte), {.normalize = true}),
          {"floating point"}));
}

}  // namespace
}  // namespace bolt
