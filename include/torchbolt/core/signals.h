#pragma once

#include <torchbolt/export.h>

#include <memory>
#include <vector>

namespace bolt {

/// Tells which signals came, so that a loop can end between two batches.
class TORCHBOLT_API SignalSource {
 public:
  virtual ~SignalSource() = default;
  /// Begins to watch these signals; the handlers before come back with
  /// `stop()`.
  virtual void start(const std::vector<int>& signals) = 0;
  virtual void stop() = 0;
  /// How often `signal` came since `start()`. One atomic read.
  virtual int pending(int signal) const = 0;
};

/// The process's own signals. While it watches SIGINT, a second one ends the
/// process at once with exit code 130: the user has insisted. Several may watch
/// at a time; each counts what comes after its own start.
TORCHBOLT_API std::unique_ptr<SignalSource> make_signal_source();

}  // namespace bolt
