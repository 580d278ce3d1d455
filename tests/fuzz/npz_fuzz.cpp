#include <ATen/ATen.h>
#include <torchbolt/core/error.h>
#include <torchbolt/data/npy.h>

#include "fuzz/memory_file.h"

// Any bytes give tensors or a DataError.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const bolt::testing::MemoryFile file(data, size);
  try {
    bolt::read_npz(file.path());
  } catch (const bolt::DataError&) {
  }
  return 0;
}
