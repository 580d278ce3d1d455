#pragma once

#include <ATen/core/Tensor.h>

#include <bit>
#include <string>
#include <vector>

#include "core/byte_source.h"

namespace bolt::detail {

/// How many numbers a shape has. Refuses, through `source`, a negative size,
/// more than 64 dimensions, and what can't be counted in 60 bits (sizes of 0
/// left out, so that strides can be counted too).
int64_t count_elements(const ByteSource& source,
                       const std::vector<int64_t>& shape);

/// Reads that many numbers, stored in byte order `order`, as a tensor with one
/// dimension. A file may announce more than it holds: then memory is taken as
/// the data comes, never more than twice of what has been read.
at::Tensor read_flat(ByteSource& source, at::ScalarType type, int64_t elements,
                     std::endian order);

/// Makes each bool that isn't 0 or 1 a 1: other values are undefined in C++.
void repair_bools(const at::Tensor& tensor);

/// "[2, 3]"
std::string shape_text(at::IntArrayRef shape);

}  // namespace bolt::detail
