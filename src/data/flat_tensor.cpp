#include "data/flat_tensor.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>

namespace bolt::detail {
namespace {

uint16_t swapped(uint16_t x) { return __builtin_bswap16(x); }
uint32_t swapped(uint32_t x) { return __builtin_bswap32(x); }
uint64_t swapped(uint64_t x) { return __builtin_bswap64(x); }

template <class Word>
void swap_words(void* data, std::size_t bytes) {
  auto* at = static_cast<char*>(data);
  for (std::size_t k = 0; k < bytes; k += sizeof(Word)) {
    Word word{};
    std::memcpy(&word, at + k, sizeof(Word));
    word = swapped(word);
    std::memcpy(at + k, &word, sizeof(Word));
  }
}

void swap_bytes(at::Tensor& tensor) {
  const int64_t width =
      tensor.element_size() / (at::isComplexType(tensor.scalar_type()) ? 2 : 1);
  void* data = tensor.data_ptr();
  const auto bytes = static_cast<std::size_t>(tensor.nbytes());
  if (width == 2) swap_words<uint16_t>(data, bytes);
  if (width == 4) swap_words<uint32_t>(data, bytes);
  if (width == 8) swap_words<uint64_t>(data, bytes);
}

}  // namespace

int64_t count_elements(const ByteSource& source,
                       const std::vector<int64_t>& shape) {
  constexpr std::size_t kMostDimensions = 64;
  if (shape.size() > kMostDimensions) {
    source.refuse("it has too many dimensions", std::to_string(shape.size()),
                  "at most " + std::to_string(kMostDimensions));
  }
  int64_t elements = 1;
  int64_t counted = 1;
  for (const int64_t n : shape) {
    if (n < 0 || (n > 0 && counted > (int64_t{1} << 60) / n)) {
      source.refuse("its shape is more than can be", shape_text(shape));
    }
    elements *= n;
    counted *= std::max<int64_t>(n, 1);
  }
  return elements;
}

at::Tensor read_flat(ByteSource& source, at::ScalarType type, int64_t elements,
                     std::endian order) {
  const auto width = static_cast<uint64_t>(c10::elementSize(type));
  const uint64_t most = source.at_most() / width;
  if (static_cast<uint64_t>(elements) > most) {
    source.refuse("its header announces more than the file holds",
                  std::to_string(elements) + " numbers",
                  "at most " + std::to_string(most) + " of " +
                      std::to_string(width) + " bytes");
  }
  constexpr int64_t kFirstBytes = int64_t{1} << 20;
  const int64_t first =
      source.certain() ? elements : kFirstBytes / static_cast<int64_t>(width);
  at::Tensor flat = at::empty({0}, type);
  for (int64_t have = 0; have < elements;) {
    const int64_t n = std::min(std::max(first, have), elements - have);
    flat.resize_({have + n});
    auto* to = static_cast<char*>(flat.data_ptr()) + have * flat.element_size();
    source.read(to, static_cast<std::size_t>(n) * width, "its data");
    have += n;
  }
  if (order != std::endian::native) swap_bytes(flat);
  if (type == at::kBool) repair_bools(flat);
  return flat;
}

void repair_bools(const at::Tensor& tensor) {
  auto* at = static_cast<unsigned char*>(tensor.data_ptr());
  for (int64_t k = 0; k < tensor.numel(); ++k) {
    // Written only where needed: the memory may be a file's.
    if (at[k] > 1) at[k] = 1;
  }
}

std::string shape_text(at::IntArrayRef shape) {
  std::string text = "[";
  for (const int64_t n : shape) {
    text += (text.size() > 1 ? ", " : "") + std::to_string(n);
  }
  return text + "]";
}

}  // namespace bolt::detail
