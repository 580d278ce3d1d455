#include <ATen/ATen.h>
#include <torchbolt/core/error.h>
#include <torchbolt/data/idx.h>

#include "fuzz/memory_file.h"

// Any bytes give a tensor or a DataError.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const bolt::testing::MemoryFile file(data, size);
  try {
    bolt::read_idx(file.path());
  } catch (const bolt::DataError&) {
  }
  return 0;
}
