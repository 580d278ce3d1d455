#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

namespace bolt::detail {

/// Whether matrix products, convolutions and their gradients work in `dtype`
/// on the device: it tries them. Leaves the random generators alone.
bool computes_in(c10::ScalarType dtype, const c10::Device& device);

}  // namespace bolt::detail
