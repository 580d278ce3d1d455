#include <ATen/ATen.h>
#include <torchbolt/checkpoint/checkpoint_file.h>
#include <torchbolt/core/error.h>

#include <filesystem>

#include "fuzz/memory_file.h"

// Any bytes give a state or a CheckpointError; what was read can be written,
// and is then the same.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const bolt::testing::MemoryFile file(data, size);
  try {
    // A fuzzer doesn't guess checksums.
    const bolt::State state =
        bolt::read_checkpoint(file.path(), {.verify = false});
    const bolt::State outline =
        bolt::read_checkpoint(file.path(), {.verify = false, .outline = true});
    if (outline.kind() != state.kind() || outline.size() != state.size()) {
      std::abort();
    }
    (void)state.to_string();
    bolt::verify_checkpoint(file.path());
  } catch (const bolt::CheckpointError&) {
  }
  return 0;
}
