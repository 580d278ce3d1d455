#pragma once

#include <torchbolt/trainer/log_options.h>

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace bolt {

/// What the machine and this process use, read from /proc; the names and the
/// formulas of the first three are psutil's.
///
///   cpu_percent       busy share of all processors since the last call, 0 the
///                     first time
///   cpu_vm_percent    memory that isn't available to new processes
///   cpu_swap_percent  swap in use; 0 where there is none
///   cpu_process_rss   this process's memory, bytes
class CpuStats {
 public:
  explicit CpuStats(std::filesystem::path proc = "/proc")
      : proc_(std::move(proc)) {}

  /// Whether this machine has such files.
  bool available() const;
  /// Leaves out what can't be read.
  MetricMap read();

 private:
  struct Ticks {
    double busy = 0;
    double total = 0;
  };

  std::filesystem::path proc_;
  bool read_before_ = false;
  Ticks before_{};
};

}  // namespace bolt
