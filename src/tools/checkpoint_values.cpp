#include "tools/checkpoint_values.h"

#include <ATen/ATen.h>
#include <c10/core/ScalarType.h>
#include <torchbolt/checkpoint/checkpoint.h>
#include <torchbolt/ui/text.h>

#include <array>
#include <cstdio>
#include <map>
#include <variant>

namespace bolt::tools {
namespace {

namespace fs = std::filesystem;

// Names of a state_dict have points in them, and are no tree of their own.
State tensors_as_map(const std::map<std::string, at::Tensor>& tensors) {
  State map = State::map();
  for (const auto& [name, tensor] : tensors) map.set(name, tensor);
  return map;
}

}  // namespace

bool is_safetensors(const fs::path& path) {
  return path.extension() == ".safetensors";
}

State load(const fs::path& path, bool outline) {
  if (!is_safetensors(path)) return read_checkpoint(path, {.outline = outline});
  return tensors_as_map(read_safetensors(path, {.outline = outline}).tensors);
}

std::string key_text(const State::Key& key) {
  if (const auto* number = std::get_if<int64_t>(&key)) {
    return std::to_string(*number);
  }
  return std::get<std::string>(key);
}

std::string bytes_text(uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits{"B", "KB", "MB", "GB", "TB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1000 && unit + 1 < kUnits.size(); ++unit) value /= 1000;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(),
                unit == 0 || value >= 100 ? "%.0f %s" : "%.1f %s", value,
                kUnits[unit]);
  return text.data();
}

std::string type_text(const at::Tensor& tensor) {
  return std::string(c10::getDtypeNames(tensor.scalar_type()).first);
}

std::string tensor_text(const at::Tensor& tensor) {
  std::string shape;
  for (const int64_t n : tensor.sizes()) {
    shape += (shape.empty() ? "" : ", ") + std::to_string(n);
  }
  return type_text(tensor) + " [" + shape + "]";
}

uint64_t bytes_of(const at::Tensor& tensor) {
  return static_cast<uint64_t>(tensor.numel() * tensor.element_size());
}

bool is_leaf(const State& state) {
  return !state.is_map() && !state.is_list() && !state.is_tuple();
}

std::string line_text(std::string_view text) {
  constexpr int kMost = 60;
  return ui::cut(ui::clean(text), kMost);
}

}  // namespace bolt::tools
