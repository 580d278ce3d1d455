#pragma once

#include <torchbolt/core/signals.h>

#include <memory>
#include <vector>

namespace bolt::detail {

class TrainerCore;

/// The signals that end a run: how it is saved, and put into the queue again,
/// before it ends.
class RunSignals {
 public:
  explicit RunSignals(TrainerCore& core) : core_(core) {}

  /// A run begins; none has come yet.
  void reset() { saved_ = false; }
  /// Listens for Ctrl-C, which ends a run that is still being set up as well.
  void start_interrupts();
  /// Listens for all, and counts the grace time from the first one on. Throws
  /// Interrupted when Ctrl-C came before.
  void start();
  /// Throws Interrupted when one has come that ends the run; what is to be
  /// saved then is.
  void check();
  /// The run is over: listens no more.
  void end();
  /// Throws Interrupted for one that came when there was nothing left to end.
  void throw_late() const;
  /// Whether the run was saved for one.
  bool saved() const { return saved_; }

 private:
  std::unique_ptr<SignalSource> make_source() const;
  [[noreturn]] void leave(int signal);
  bool is_to_be_saved() const;
  void save(int signal);
  void requeue();

  TrainerCore& core_;
  std::unique_ptr<SignalSource> source_{};
  std::vector<int> watched_{};
  // That came behind the last place where one ends the run.
  int late_ = 0;
  bool saved_ = false;
};

}  // namespace bolt::detail
