#include <ATen/ATen.h>
#include <torchbolt/core/error.h>
#include <torchbolt/data/idx.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace bolt {
namespace {

// zlib reads plain files too, as they are.
class File {
 public:
  explicit File(const std::filesystem::path& path)
      : path_(path), file_(::gzopen(path.c_str(), "rb")) {
    if (file_ == nullptr) refuse("it can't be read", std::strerror(errno));
    ::gzbuffer(file_, 1 << 17);
  }
  ~File() {
    if (file_ != nullptr) ::gzclose(file_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  void read(void* to, std::size_t bytes, const char* what) {
    auto* at = static_cast<unsigned char*>(to);
    while (bytes > 0) {
      const auto chunk =
          static_cast<unsigned>(std::min<std::size_t>(bytes, 1U << 30));
      const int n = ::gzread(file_, at, chunk);
      if (n < 0) refuse("its compression is broken", message());
      if (n == 0) refuse("it ends too early", std::string("in ") + what);
      at += n;
      bytes -= static_cast<std::size_t>(n);
    }
  }
  void expect_end() {
    unsigned char more = 0;
    const int n = ::gzread(file_, &more, 1);
    if (n < 0) refuse("its compression is broken", message());
    if (n > 0) refuse("there is more after the data", "extra bytes");
  }
  [[noreturn]] void refuse(std::string what, std::string got) const {
    throw DataError({.where = "read_idx(" + path_.string() + ")",
                     .what = std::move(what),
                     .got = std::move(got)});
  }

 private:
  std::string message() const {
    int code = 0;
    return ::gzerror(file_, &code);
  }

  std::filesystem::path path_;
  ::gzFile file_;
};

at::ScalarType type_of(unsigned char code, const File& file) {
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
      file.refuse("its type of numbers is not known", std::to_string(code));
  }
}

// Numbers in the file are big-endian.
void swap_bytes(at::Tensor& tensor) {
  const auto width = static_cast<std::size_t>(tensor.element_size());
  if (width == 1 || std::endian::native == std::endian::big) return;
  auto* bytes = static_cast<unsigned char*>(tensor.data_ptr());
  for (int64_t k = 0; k < tensor.numel(); ++k, bytes += width) {
    std::reverse(bytes, bytes + width);
  }
}

}  // namespace

at::Tensor read_idx(const std::filesystem::path& path) {
  File file(path);
  std::array<unsigned char, 4> magic{};
  file.read(magic.data(), magic.size(), "its header");
  if (magic[0] != 0 || magic[1] != 0) {
    file.refuse("it is not an IDX file", "another beginning");
  }
  const at::ScalarType type = type_of(magic[2], file);
  std::vector<int64_t> shape(magic[3]);
  int64_t elements = 1;
  for (int64_t& n : shape) {
    std::array<unsigned char, 4> size{};
    file.read(size.data(), size.size(), "its header");
    n = int64_t{size[0]} << 24 | size[1] << 16 | size[2] << 8 | size[3];
    if (n > 0 && elements > (int64_t{1} << 40) / n) {
      file.refuse("its header announces more than can be", "too many numbers");
    }
    elements *= n;
  }
  // A header may lie: memory is taken as the data comes.
  at::Tensor flat = at::empty({0}, type);
  constexpr int64_t kChunk = int64_t{1} << 26;
  for (int64_t have = 0; have < elements;) {
    const int64_t n = std::min(kChunk, elements - have);
    flat.resize_({have + n});
    auto* to = static_cast<unsigned char*>(flat.data_ptr()) +
               have * flat.element_size();
    file.read(to, static_cast<std::size_t>(n * flat.element_size()),
              "its data");
    have += n;
  }
  file.expect_end();
  swap_bytes(flat);
  return flat.reshape(shape);
}

}  // namespace bolt
