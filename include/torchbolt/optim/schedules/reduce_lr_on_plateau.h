#pragma once

#include <torchbolt/core/mode.h>
#include <torchbolt/export.h>
#include <torchbolt/optim/optimizer_ref.h>
#include <torchbolt/optim/per_group.h>
#include <torchbolt/state/state.h>

#include <cstdint>
#include <string_view>
#include <vector>

namespace bolt::optim {

/// Whether a threshold is a share of the best metric, or in its unit.
enum class ThresholdMode { kRel, kAbs };

/// Settings of ReduceLROnPlateau; names and defaults are Python's.
struct ReduceLROnPlateauOptions {
  Mode mode = Mode::kMin;
  /// A reduction multiplies the rate by it; below 1.
  double factor = 0.1;
  /// Steps without a better metric that are put up with.
  int64_t patience = 10;
  /// What a metric must be better by, to be better.
  double threshold = 1e-4;
  ThresholdMode threshold_mode = ThresholdMode::kRel;
  /// Steps after a reduction that aren't counted.
  int64_t cooldown = 0;
  /// The rate isn't reduced below it.
  PerGroup min_lr = 0.0;
  /// A rate that would change by no more than that stays.
  double eps = 1e-8;
};

/// Reduces the rate when a metric has stopped getting better. In a Trainer, say
/// which metric:
///
///     return {sgd, {.scheduler = bolt::optim::ReduceLROnPlateau(sgd),
///                   .monitor = "val/loss"}};
///
/// Not thread-safe.
class TORCHBOLT_API ReduceLROnPlateau {
 public:
  /// Throws ConfigError naming the option.
  explicit ReduceLROnPlateau(OptimizerRef optimizer,
                             ReduceLROnPlateauOptions options = {});
  std::string_view name() const { return "ReduceLROnPlateau"; }

  /// One step, with the metric of now. NaN counts as not better.
  void step(double metric);

  /// The rates after the last step, one for each parameter group.
  const std::vector<double>& last_lr() const { return last_lr_; }
  int64_t last_epoch() const { return last_epoch_; }
  /// The best metric so far.
  double best() const { return best_; }
  int64_t num_bad_epochs() const { return num_bad_epochs_; }
  bool in_cooldown() const { return cooldown_counter_ > 0; }
  /// Whose rates it sets.
  const torch::optim::Optimizer* optimizer() const { return optimizer_.get(); }

  /// What Python's `state_dict()` has, settings included.
  State state() const;
  /// Takes what `state()`, or Python's `state_dict()`, gave. Throws
  /// CheckpointError, and changes nothing, when the state is of something else.
  void load_state(const State& state);

 private:
  bool is_better(double metric) const;
  void reduce();
  void note_lrs();

  OptimizerRef optimizer_;
  ReduceLROnPlateauOptions options_;
  std::vector<double> last_lr_{};
  int64_t last_epoch_ = 0;
  double best_;
  int64_t cooldown_counter_ = 0;
  int64_t num_bad_epochs_ = 0;
};

}  // namespace bolt::optim
