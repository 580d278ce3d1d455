#pragma once

#include <ATen/core/Tensor.h>
#include <torchbolt/export.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace bolt {

/// What a safetensors file holds.
///
///     bolt::Safetensors file = bolt::read_safetensors("model.safetensors");
///     at::Tensor weight = file.tensors.at("net.weight");
struct Safetensors {
  std::map<std::string, at::Tensor> tensors{};
  /// Texts that go with them.
  std::map<std::string, std::string> metadata{};
};

/// How `read_safetensors` reads.
///
///     auto shapes = bolt::read_safetensors(path, {.outline = true});
struct ReadSafetensorsOptions {
  /// These alone; empty: all.
  std::vector<std::string> names{};
  /// Tensors are on the `meta` device: type and shape, but no values; none of
  /// their data is read.
  bool outline = false;
};

/// Reads a safetensors file (huggingface.co/docs/safetensors), of this or
/// Python's package, onto the CPU. Nothing that the file says is believed
/// before it is compared with its size: a header of at most 100 MB, names once,
/// types that torch has, and tensors that fill the file without overlap or
/// hole. Throws CheckpointError naming the file and the tensor, also for a name
/// that isn't there. The format has no checksums.
TORCHBOLT_API Safetensors
read_safetensors(const std::filesystem::path& path,
                 const ReadSafetensorsOptions& options = {});

/// Writes tensors as a safetensors file, in the order and with the header that
/// Python's package gives it: the same tensors are the same file. The path
/// holds the old file or the new one at any moment, and the new one is on the
/// disk when this returns. Views become what they show; tensors that share
/// storage are each written whole, since the format has no sharing. Throws
/// CheckpointError for a tensor or a name that has no place in such a file,
/// Error when it can't be written.
///
///     bolt::write_safetensors("model.safetensors",
///                             {{"weight", torch::ones({2, 3})}},
///                             {{"format", "pt"}});
TORCHBOLT_API void write_safetensors(
    const std::filesystem::path& path,
    const std::map<std::string, at::Tensor>& tensors,
    const std::map<std::string, std::string>& metadata = {});

}  // namespace bolt
