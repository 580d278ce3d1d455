#pragma once

#include <cstdint>

namespace bolt::testing {

/// Allocations that this thread has made so far: every call of malloc and its
/// kin, torch's own among them.
int64_t allocations();

}  // namespace bolt::testing
