#pragma once

#include <torchbolt/export.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace bolt {

/// Tells which signals came, so that a loop can end between two batches.
class TORCHBOLT_API SignalSource {
 public:
  virtual ~SignalSource() = default;
  /// Begins to watch these signals; the handlers before come back with
  /// `stop()`. `grace`: how long after the first of them that isn't Ctrl-C the
  /// process may go on; then it ends with exit code 128 + signal. At most one
  /// source at a time has one.
  virtual void start(const std::vector<int>& signals,
                     std::optional<std::chrono::nanoseconds> grace) = 0;
  virtual void stop() = 0;
  /// How often `signal` came since `start()`. One atomic read.
  virtual int pending(int signal) const = 0;
};

/// The process's own signals. While it watches SIGINT, a second one ends the
/// process at once with exit code 130: the user has insisted. Handlers of the
/// program are called as well; SIGUSR1 and SIGUSR2 are left alone where the
/// program has one. Several may watch at a time; each counts what comes after
/// its own start.
TORCHBOLT_API std::unique_ptr<SignalSource> make_signal_source();

/// "SIGTERM", "SIGUSR1", …; "signal 99" for those that have no name.
TORCHBOLT_API std::string signal_name(int signal);

}  // namespace bolt
