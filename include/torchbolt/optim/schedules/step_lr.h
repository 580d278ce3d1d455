#pragma once

#include <torchbolt/export.h>
#include <torchbolt/optim/schedule.h>

namespace bolt::optim {

/// Settings of StepLR; names and defaults are Python's.
struct StepLROptions {
  /// Epochs between two changes; must be set.
  int64_t step_size = 0;
  /// Each change multiplies the rate by it.
  double gamma = 0.1;
  /// Where it goes on; -1 begins.
  int64_t last_epoch = -1;
};

/// Multiplies the rate by gamma every step_size epochs.
///
///     bolt::optim::StepLR schedule(sgd, {.step_size = 30, .gamma = 0.1});
class TORCHBOLT_API StepLR final : public Schedule {
 public:
  /// Throws ConfigError naming the option.
  StepLR(OptimizerRef optimizer, StepLROptions options);
  std::string_view name() const override { return "StepLR"; }

 private:
  void get_lr(std::vector<double>& lrs) override;
  void get_closed_form_lr(std::vector<double>& lrs) override;
  void save(State& state) const override;
  void load(const State& state) override;

  StepLROptions options_;
};

}  // namespace bolt::optim
