#include <ATen/ATen.h>
#include <torchbolt/data/idx.h>

#include <array>
#include <string>
#include <vector>

#include "core/byte_source.h"
#include "data/flat_tensor.h"

namespace bolt {
namespace {

at::ScalarType type_of(unsigned char code, const detail::ByteSource& source) {
  switch (code) {
    case 0x08:
      return at::kByte;
    case 0x09:
      return at::kChar;
    case 0x0b:
      return at::kShort;
    case 0x0c:
      return at::kInt;
    case 0x0d:
      return at::kFloat;
    case 0x0e:
      return at::kDouble;
    default:
      source.refuse("its type of numbers is not known", std::to_string(code),
                    "8, 9, 11, 12, 13 or 14");
  }
}

}  // namespace

at::Tensor read_idx(const std::filesystem::path& path) {
  const detail::InputFile file("read_idx", path);
  detail::GzipSource source(file);
  std::array<unsigned char, 4> magic{};
  source.read(magic.data(), magic.size(), "its header");
  if (magic[0] != 0 || magic[1] != 0) {
    source.refuse("it is not an IDX file", "another beginning", "two bytes 0");
  }
  const at::ScalarType type = type_of(magic[2], source);
  std::vector<int64_t> shape(magic[3]);
  for (int64_t& n : shape) {
    std::array<unsigned char, 4> size{};
    source.read(size.data(), size.size(), "its header");
    n = int64_t{size[0]} << 24 | size[1] << 16 | size[2] << 8 | size[3];
  }
  const int64_t elements = detail::count_elements(source, shape);
  const at::Tensor flat =
      detail::read_flat(source, type, elements, std::endian::big);
  source.expect_end();
  return flat.view(shape);
}

}  // namespace bolt
