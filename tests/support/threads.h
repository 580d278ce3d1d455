#pragma once

#include <cstddef>
#include <filesystem>
#include <iterator>
#include <thread>

namespace bolt::testing {

/// Threads of this process.
inline std::ptrdiff_t threads() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"),
                       {});
}

/// Threads of this process, once there are no more than `expected`. The kernel
/// lists one for a moment longer than it takes to join it; one that is left
/// over stays on the list.
inline std::ptrdiff_t threads_after(std::ptrdiff_t expected) {
  for (int tries = 0; tries < 20000 && threads() > expected; ++tries) {
    std::this_thread::yield();
  }
  return threads();
}

/// Threads of this process before a test starts any. Thread sanitizers start
/// one of their own beside a program's first, so one has been by then.
inline std::ptrdiff_t threads_before() {
  const std::ptrdiff_t before = threads();
  std::thread([] {}).join();
  return threads_after(before);
}

}  // namespace bolt::testing
