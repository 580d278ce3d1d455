#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/ScalarType.h>

#include <bit>
#include <optional>
#include <string>
#include <vector>

#include "core/byte_source.h"

namespace bolt::detail {

/// What stands before the numbers of a NumPy array file.
struct NpyHeader {
  at::ScalarType type{};
  std::endian order = std::endian::native;
  bool fortran_order = false;
  std::vector<int64_t> shape{};
  int64_t elements = 0;
};

/// Reads the header; `source` is at the first number then. Refuses, through
/// `source`, what isn't one.
NpyHeader read_npy_header(ByteSource& source);

/// NumPy's name for a type, such as "<f4"; none if NumPy doesn't have it.
std::optional<std::string> npy_descr(at::ScalarType type);

/// Reads header and numbers, to the end.
at::Tensor read_npy_array(ByteSource& source);

/// Gives the numbers, in the order of the file, their shape.
at::Tensor npy_view(const at::Tensor& flat, const NpyHeader& header);

}  // namespace bolt::detail
