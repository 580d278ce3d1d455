#pragma once

#include <torchbolt/core/clock.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace bolt {
struct ModelCheckpointOptions;
}

namespace bolt::detail {

/// When a ModelCheckpoint writes: every so many steps, epochs, or so much time;
/// one of the three.
class CheckpointTriggers {
 public:
  /// Throws ConfigError.
  explicit CheckpointTriggers(const ModelCheckpointOptions& options);

  int64_t every_n_train_steps() const { return steps_; }
  int64_t every_n_epochs() const { return epochs_; }

  /// Training begins.
  void start(const Clock& clock) { last_time_ = clock.now(); }
  bool step_is_due(int64_t global_step) const {
    return steps_ > 0 && global_step % steps_ == 0;
  }
  /// At the end of epoch `epoch`, counted from 0.
  bool epoch_is_due(int64_t epoch) const {
    return epochs_ > 0 && (epoch + 1) % epochs_ == 0;
  }
  /// True once for each interval.
  bool time_is_due(const Clock& clock);
  /// As in the key of the state, where Python writes all three.
  std::string text() const;

 private:
  int64_t steps_ = 0;
  int64_t epochs_ = 0;
  std::optional<std::chrono::nanoseconds> interval_{};
  std::optional<std::chrono::steady_clock::time_point> last_time_{};
};

}  // namespace bolt::detail
