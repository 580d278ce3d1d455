#pragma once

#include <torchbolt/export.h>
#include <torchbolt/optim/schedule.h>

namespace bolt::optim {

/// Settings of LinearLR; names and defaults are Python's.
struct LinearLROptions {
  /// What the rate is multiplied by at first; above 0, at most 1.
  double start_factor = 1.0 / 3;
  /// What it is multiplied by at the end; 0 to 1.
  double end_factor = 1;
  /// Epochs from the first factor to the last.
  int64_t total_iters = 5;
  /// Where it goes on; -1 begins.
  int64_t last_epoch = -1;
};

/// A factor that goes from one value to another in a straight line: a warm-up,
/// or a decay.
///
///     bolt::optim::LinearLR warmup(adamw, {.start_factor = 0.01});
class TORCHBOLT_API LinearLR final : public Schedule {
 public:
  /// Throws ConfigError naming the option.
  LinearLR(OptimizerRef optimizer, LinearLROptions options = {});
  std::string_view name() const override { return "LinearLR"; }

 private:
  void get_lr(std::vector<double>& lrs) override;
  void get_closed_form_lr(std::vector<double>& lrs) override;
  void save(State& state) const override;
  void load(const State& state) override;

  LinearLROptions options_;
};

}  // namespace bolt::optim
