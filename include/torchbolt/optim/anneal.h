#pragma once

#include <torchbolt/export.h>

namespace bolt::optim {

/// The form of a way from one value to another. In a state: "cos", "linear".
enum class AnnealStrategy { kCos, kLinear };

}  // namespace bolt::optim
