#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <thread>

namespace bolt::detail {

/// Throws ConfigError naming the option of the loader `where`.
void check_least(const char* where, const char* option, int64_t value,
                 int64_t least);
/// The same for what several threads take: how many, and the batches that may
/// wait for each.
void check_workers(const char* where, int64_t num_workers,
                   int64_t prefetch_factor);

/// Starts a thread that loads, the `index`-th of its loader: it is called
/// "bolt-load-<index>", computes no gradients, and starts no threads of its own
/// for an operation. `work` must let nothing escape. Throws ConfigError where
/// the system has no thread left.
std::jthread start_worker(int64_t index,
                          std::function<void(const std::stop_token&)> work);

}  // namespace bolt::detail
