#include "checkpoint/fresh_bytes.h"

#include <ATen/ATen.h>
#include <sys/mman.h>

#include <cstddef>

namespace bolt::detail {

at::Tensor fresh_bytes(uint64_t bytes) {
  at::Tensor tensor = at::empty({static_cast<int64_t>(bytes)}, at::kByte);
#ifdef MADV_HUGEPAGE
  constexpr uint64_t kLarge = uint64_t{4} << 20;
  if (bytes >= kLarge) {
    // What lies between the ends of whole pages; a wish, which may fail.
    constexpr uintptr_t kPage = 4096;
    const auto begin = reinterpret_cast<uintptr_t>(tensor.data_ptr());
    const uintptr_t first = (begin + kPage - 1) / kPage * kPage;
    const uintptr_t end = (begin + bytes) / kPage * kPage;
    ::madvise(reinterpret_cast<void*>(first), end - first, MADV_HUGEPAGE);
  }
#endif
  return tensor;
}

}  // namespace bolt::detail
