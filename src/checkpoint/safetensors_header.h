#pragma once

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/byte_source.h"

namespace bolt::detail {

/// A tensor of a safetensors file: bytes begin … end-1 behind the header.
struct SafetensorsEntry {
  std::string name{};
  at::ScalarType type = at::ScalarType::Undefined;
  std::vector<int64_t> shape{};
  uint64_t begin = 0;
  uint64_t end = 0;
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries{};  ///< in the order of their bytes
  std::map<std::string, std::string> metadata{};
  uint64_t bytes = 0;  ///< of all before the first tensor's
};

/// Reads and checks the header; its tensors fill the rest of the file.
SafetensorsHeader read_safetensors_header(const InputFile& file);

/// Length and header, padded so that what follows is aligned.
std::string safetensors_header_text(const SafetensorsHeader& header);

}  // namespace bolt::detail
