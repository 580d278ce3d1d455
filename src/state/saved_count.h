#pragma once

#include <torchbolt/core/error.h>
#include <torchbolt/state/state.h>

#include <cstdint>
#include <string>

namespace bolt::detail {

/// A count from a file, which anybody may have written: between `least` and so
/// many that counting on can't overflow. Throws CheckpointError naming `key`.
inline int64_t saved_count(const State& value, const char* key,
                           int64_t least = 0) {
  constexpr int64_t kMost = int64_t{1} << 60;
  const int64_t count = value.as_int();
  if (count >= least && count <= kMost) return count;
  throw CheckpointError({.where = key,
                         .what = "a count is out of range",
                         .got = std::to_string(count)});
}

}  // namespace bolt::detail
