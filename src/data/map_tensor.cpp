#include <ATen/ATen.h>
#include <sys/mman.h>
#include <torchbolt/data/map_tensor.h>
#include <torchbolt/data/npy.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "core/byte_source.h"
#include "data/flat_tensor.h"
#include "data/npy_header.h"

namespace bolt {
namespace {

// A file in memory, until it goes.
class Mapping {
 public:
  explicit Mapping(const detail::InputFile& file)
      : bytes_(static_cast<std::size_t>(file.size())) {
    // A private copy of each page that is written; and no memory is set aside
    // for all of them, since most never are.
    void* data = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_NORESERVE, file.descriptor(), 0);
    if (data == MAP_FAILED) {
      file.refuse("it can't be mapped", std::strerror(errno));
    }
    data_ = static_cast<char*>(data);
  }
  ~Mapping() { ::munmap(data_, bytes_); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  char* data() const { return data_; }

 private:
  char* data_ = nullptr;
  std::size_t bytes_;
};

// Numbers from byte `offset` on, which the file has, with one dimension.
at::Tensor map_flat(const detail::InputFile& file, at::ScalarType type,
                    int64_t elements, uint64_t offset) {
  const uint64_t width = c10::elementSize(type);
  const uint64_t align = at::isComplexType(type) ? width / 2 : width;
  if (offset % align != 0) {
    file.refuse("its numbers don't begin at a multiple of their size",
                "byte " + std::to_string(offset),
                "a multiple of " + std::to_string(align),
                "read it instead of mapping it");
  }
  if (elements == 0) return at::empty({0}, type);
  const auto mapping = std::make_shared<Mapping>(file);
  // The tensor's storage, and all that shares it, keeps the mapping.
  at::Tensor flat = at::from_blob(
      mapping->data() + offset, {elements}, [mapping](void*) {}, type);
  if (type == at::kBool) detail::repair_bools(flat);
  return flat;
}

}  // namespace

at::Tensor map_tensor(const std::filesystem::path& path, at::ScalarType type,
                      const std::vector<int64_t>& shape, int64_t offset) {
  const detail::InputFile file("map_tensor", path);
  const bool whole_numbers = !at::isQIntType(type) && !at::isBitsType(type) &&
                             type != at::ScalarType::Undefined &&
                             type < at::ScalarType::NumOptions;
  if (!whole_numbers) {
    file.refuse("tensors of this type can't be mapped", c10::toString(type));
  }
  if (offset < 0 || static_cast<uint64_t>(offset) > file.size()) {
    file.refuse("the offset is outside of it", std::to_string(offset),
                "0 to " + std::to_string(file.size()));
  }
  const detail::FileSource source(file);
  const int64_t elements = detail::count_elements(source, shape);
  const uint64_t width = c10::elementSize(type);
  const uint64_t there = file.size() - static_cast<uint64_t>(offset);
  if (static_cast<uint64_t>(elements) > there / width) {
    file.refuse("it is too short for the shape " + detail::shape_text(shape),
                std::to_string(there) + " bytes from byte " +
                    std::to_string(offset) + " on",
                std::to_string(elements) + " numbers of " +
                    std::to_string(width) + " bytes");
  }
  return map_flat(file, type, elements, static_cast<uint64_t>(offset))
      .view(shape);
}

at::Tensor map_npy(const std::filesystem::path& path) {
  const detail::InputFile file("map_npy", path);
  detail::FileSource source(file);
  const detail::NpyHeader header = detail::read_npy_header(source);
  const uint64_t width = c10::elementSize(header.type);
  const uint64_t offset = file.size() - source.at_most();
  if (static_cast<uint64_t>(header.elements) != source.at_most() / width ||
      source.at_most() % width != 0) {
    source.refuse("its header announces another length",
                  std::to_string(source.at_most()) + " bytes",
                  std::to_string(header.elements) + " numbers of " +
                      std::to_string(width) + " bytes");
  }
  if (header.order != std::endian::native && width > 1) {
    source.refuse("its numbers are in the other byte order", "big-endian",
                  "little-endian", "read_npy");
  }
  return detail::npy_view(map_flat(file, header.type, header.elements, offset),
                          header);
}

}  // namespace bolt
