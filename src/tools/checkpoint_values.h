#pragma once

#include <ATen/core/Tensor.h>
#include <torchbolt/state/state.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace bolt::tools {

// How `torchbolt ckpt` reads a file, and writes what is in one.

/// Whether a file of this name is, or becomes, one of safetensors.
bool is_safetensors(const std::filesystem::path& path);

/// The whole of a file, whichever of the two formats it has; of tensors all but
/// the numbers where `outline` is set.
State load(const std::filesystem::path& path, bool outline);

/// Neither a map nor a list nor a tuple: a tensor is one.
bool is_leaf(const State& state);
std::string key_text(const State::Key& key);

/// Of a text, as much as fits on a line, and nothing that disturbs a terminal.
std::string line_text(std::string_view text);

/// "12.3 MB": units of a thousand.
std::string bytes_text(uint64_t bytes);

uint64_t bytes_of(const at::Tensor& tensor);
/// "float32".
std::string type_text(const at::Tensor& tensor);
/// "float32 [2, 3]".
std::string tensor_text(const at::Tensor& tensor);

}  // namespace bolt::tools
