#include <ATen/ATen.h>
#include <torchbolt/core/error.h>

#include <string_view>

#include "checkpoint/unpickler.h"

// The pickle of a checkpoint alone, without the zip file around it: any bytes
// give a state or a CheckpointError. Storages have as many bytes as their key's
// number says.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using bolt::detail::TensorSpec;
  using bolt::detail::Unpickler;
  try {
    Unpickler unpickler(
        {reinterpret_cast<const char*>(data), size}, "fuzz",
        [](const std::string& key) -> std::optional<Unpickler::Storage> {
          if (key.size() != 1) return std::nullopt;
          return Unpickler::Storage{
              .number = static_cast<unsigned char>(key[0]),
              .bytes = static_cast<unsigned char>(key[0])};
        });
    unpickler.run();
    const bolt::State state = unpickler.tree([](const TensorSpec& spec) {
      at::Tensor tensor = at::empty({0}, spec.type);
      if (spec.storage == TensorSpec::kNoStorage) return tensor;
      const at::Tensor bytes =
          at::zeros({static_cast<int64_t>(spec.storage)}, at::kByte);
      tensor.set_(bytes.storage(), spec.offset, spec.sizes, spec.strides);
      // Only what is inside of the storage may be promised.
      if (static_cast<std::size_t>(bytes.storage().nbytes()) != spec.storage) {
        std::abort();
      }
      return tensor;
    });
    (void)state.to_string();
  } catch (const bolt::CheckpointError&) {
  }
  return 0;
}
