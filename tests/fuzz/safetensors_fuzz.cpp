#include <ATen/ATen.h>
#include <torchbolt/checkpoint/safetensors.h>
#include <torchbolt/core/error.h>

#include "fuzz/memory_file.h"

// Any bytes give tensors or a CheckpointError.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const bolt::testing::MemoryFile file(data, size);
  try {
    const auto all = bolt::read_safetensors(file.path());
    const auto outline = bolt::read_safetensors(file.path(), {.outline = true});
    if (all.tensors.size() != outline.tensors.size()) std::abort();
  } catch (const bolt::CheckpointError&) {
  }
  return 0;
}
