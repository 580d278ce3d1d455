#pragma once

#include <cstdint>

// What the options of every loader must be.

namespace bolt::detail {

/// Throws ConfigError naming the option of the loader `where`.
void check_least(const char* where, const char* option, int64_t value,
                 int64_t least);
/// The same for what several threads take: how many, and the batches that may
/// wait for each.
void check_workers(const char* where, int64_t num_workers,
                   int64_t prefetch_factor);

}  // namespace bolt::detail
