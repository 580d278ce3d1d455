#include <ATen/ATen.h>
#include <torchbolt/core/error.h>
#include <torchbolt/data/map_tensor.h>
#include <torchbolt/data/npy.h>

#include <cstring>
#include <optional>

#include "fuzz/memory_file.h"

namespace {

template <class Read>
std::optional<at::Tensor> read(Read&& reader) {
  try {
    return reader();
  } catch (const bolt::DataError&) {
    return std::nullopt;
  }
}

}  // namespace

// Any bytes give a tensor or a DataError, and mapping gives what reading gives.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const bolt::testing::MemoryFile file(data, size);
  const auto copy = read([&] { return bolt::read_npy(file.path()); });
  const auto mapped = read([&] { return bolt::map_npy(file.path()); });
  if (mapped && !copy) std::abort();
  if (!mapped) return 0;
  const at::Tensor same = mapped->contiguous();
  const bool equal = same.sizes() == copy->sizes() &&
                     (same.numel() == 0 ||
                      std::memcmp(same.const_data_ptr(), copy->const_data_ptr(),
                                  same.nbytes()) == 0);
  if (!equal) std::abort();
  return 0;
}
