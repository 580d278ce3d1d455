#pragma once

#include <c10/core/ScalarType.h>

#include <optional>
#include <string_view>

namespace bolt::detail {

/// The names of a type of numbers in files; empty where there is none.
struct DtypeNames {
  at::ScalarType type = at::ScalarType::Undefined;
  /// Python's, without "torch.": "float32".
  std::string_view python{};
  /// Of the storage in torch.save's files: "FloatStorage". Newer types have
  /// none, and are named beside an untyped storage.
  std::string_view storage{};
  /// In safetensors files: "F32".
  std::string_view safetensors{};
};

/// Null where files don't have this type.
const DtypeNames* dtype_names(at::ScalarType type);
const DtypeNames* dtype_of_python(std::string_view name);
const DtypeNames* dtype_of_storage(std::string_view name);
const DtypeNames* dtype_of_safetensors(std::string_view name);

}  // namespace bolt::detail
