#pragma once

#include <c10/core/ScalarType.h>
#include <torchbolt/engine/options.h>
#include <torchbolt/export.h>

#include <memory>

namespace bolt {

class PrecisionPlugin;

/// The format in which most operations compute.
TORCHBOLT_API c10::ScalarType dtype_of(Precision precision);

/// The plug-in of a setting; null for `k32True`.
TORCHBOLT_API std::shared_ptr<PrecisionPlugin> make_precision(
    Precision precision);

}  // namespace bolt
