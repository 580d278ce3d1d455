#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace bolt::detail {

/// A tensor of bytes with any content, all of which will be written now: in
/// large pages where it is large, since to touch many small ones for the first
/// time takes longer than to fill them.
at::Tensor fresh_bytes(uint64_t bytes);

}  // namespace bolt::detail
