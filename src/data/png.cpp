#include <ATen/ATen.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>
#include <torchbolt/data/png.h>
#include <zlib.h>

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>

namespace bolt {
namespace {

// A reader may refuse larger sizes (PNG 7.1).
constexpr int64_t kMostPixels = std::numeric_limits<int32_t>::max();
// Readers take chunks as a whole; a picture may have any number of them.
constexpr std::size_t kChunk = std::size_t{1} << 20;

[[noreturn]] void refuse(const std::string& where, std::string what,
                         std::string got, std::string expected = {},
                         std::string tip = {}) {
  throw DataError({.where = where,
                   .what = std::move(what),
                   .got = std::move(got),
                   .expected = std::move(expected),
                   .tip = std::move(tip)});
}

std::string shape_of(const at::Tensor& image) {
  std::string text = "[";
  for (const int64_t n : image.sizes()) {
    text += (text.size() > 1 ? ", " : "") + std::to_string(n);
  }
  return text + "]";
}

void check(const std::string& where, const at::Tensor& image) {
  if (!image.defined()) refuse(where, "the tensor is undefined", "");
  if (image.scalar_type() != at::kByte && !image.is_floating_point()) {
    refuse(where, "a picture isn't of this type", image.toString(),
           "uint8, or floating point from 0 to 1", "image.to(torch::kByte)");
  }
  const bool shaped =
      image.dim() == 2 ||
      (image.dim() == 3 && image.size(0) >= 1 && image.size(0) <= 4);
  if (!shaped) {
    refuse(where, "a picture isn't of this shape", shape_of(image),
           "[height, width] or [channels, height, width] of 1 to 4 channels",
           image.dim() == 4 ? "bolt::make_grid makes one picture of several"
           : image.dim() == 3 && image.size(2) >= 1 && image.size(2) <= 4
               ? "image.permute({2, 0, 1})"
               : "");
  }
  if (image.numel() == 0 || image.size(-1) > kMostPixels ||
      image.size(-2) > kMostPixels) {
    refuse(where, "a picture isn't of this size", shape_of(image),
           "1 to " + std::to_string(kMostPixels) + " pixels each way");
  }
}

// [height, width, channels] of uint8, contiguous, on the CPU.
at::Tensor pixels(const std::string& where, const at::Tensor& image) {
  at::Tensor bytes = image.detach();
  if (bytes.dim() == 2) bytes = bytes.unsqueeze(0);
  if (bytes.scalar_type() != at::kByte) {
    // Sixteen bits can't tell all 256 steps apart.
    bytes = bytes.to(at::kCPU, at::kFloat);
    if (bytes.isnan().any().item<bool>()) {
      refuse(where, "a picture has no NaN", "one", "",
             "torch::nan_to_num(image)");
    }
    bytes = bytes.clamp(0, 1).mul(255).round().to(at::kByte);
  }
  return bytes.cpu().permute({1, 2, 0}).contiguous();
}

std::string big_endian(uint64_t number) {
  std::string bytes(4, '\0');
  for (int k = 3; k >= 0; --k, number >>= 8) {
    bytes[static_cast<std::size_t>(k)] = static_cast<char>(number & 0xff);
  }
  return bytes;
}

// Length, type, content, checksum of the latter two (PNG 5.3).
void add_chunk(std::string& file, std::string_view type,
               std::string_view content) {
  file += big_endian(content.size());
  const std::size_t begin = file.size();
  file.append(type).append(content);
  file += big_endian(
      ::crc32_z(0, reinterpret_cast<const unsigned char*>(file.data()) + begin,
                file.size() - begin));
}

// Every line begins with its filter; this is "up", what it differs by from the
// line above, which suits pictures of few colours and photographs alike.
std::string filtered(const at::Tensor& image) {
  constexpr char kUp = 2;
  const auto lines = static_cast<std::size_t>(image.size(0));
  const auto width = static_cast<std::size_t>(image.numel()) / lines;
  const auto* from = image.const_data_ptr<uint8_t>();
  std::string out;
  out.reserve(lines * (width + 1));
  for (std::size_t y = 0; y < lines; ++y, from += width) {
    out += kUp;
    for (std::size_t x = 0; x < width; ++x) {
      out += static_cast<char>(y == 0 ? from[x] : from[x] - (from - width)[x]);
    }
  }
  return out;
}

std::string deflated(const std::string& bytes) {
  uLongf size = ::compressBound(bytes.size());
  std::string out(size, '\0');
  const int error = ::compress2(reinterpret_cast<Bytef*>(out.data()), &size,
                                reinterpret_cast<const Bytef*>(bytes.data()),
                                bytes.size(), 6);
  if (error != Z_OK) throw Error({.where = "write_png", .what = "no memory"});
  out.resize(size);
  return out;
}

std::string header(const at::Tensor& image) {
  constexpr std::string_view kColours("\0\4\2\6", 4);  // by channels
  std::string out = big_endian(static_cast<uint64_t>(image.size(1))) +
                    big_endian(static_cast<uint64_t>(image.size(0)));
  out += char{8};  // bits a channel
  out += kColours[static_cast<std::size_t>(image.size(2) - 1)];
  return out.append(3, '\0');  // the one compression and filter; no interlacing
}

}  // namespace

std::string encode_png(const at::Tensor& image, const std::string& where) {
  check(where, image);
  const at::Tensor bytes = pixels(where, image);
  std::string file = "\x89PNG\r\n\x1a\n";
  add_chunk(file, "IHDR", header(bytes));
  const std::string data = deflated(filtered(bytes));
  for (std::size_t at = 0; at < data.size(); at += kChunk) {
    add_chunk(file, "IDAT", std::string_view(data).substr(at, kChunk));
  }
  add_chunk(file, "IEND", {});
  return file;
}

void write_png(const std::filesystem::path& path, const at::Tensor& image) {
  write_atomic(path, encode_png(image, "write_png(" + path.string() + ")"));
}

}  // namespace bolt
