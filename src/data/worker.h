#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <thread>

namespace bolt::detail {

/// Starts a thread that loads, the `index`-th of its loader: it is called
/// "bolt-load-<index>", computes no gradients, and starts no threads of its own
/// for an operation. `work` must let nothing escape. Throws ConfigError where
/// the system has no thread left.
std::jthread start_worker(int64_t index,
                          std::function<void(const std::stop_token&)> work);

}  // namespace bolt::detail
