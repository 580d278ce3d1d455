#pragma once

#include <torchbolt/export.h>
#include <torchbolt/optim/schedule.h>

namespace bolt::optim {

/// Settings of ConstantLR; names and defaults are Python's.
struct ConstantLROptions {
  /// What the rate is multiplied by at first; above 0, at most 1.
  double factor = 1.0 / 3;
  /// The epoch from which on the rate is whole again.
  int64_t total_iters = 5;
  /// Where it goes on; -1 begins.
  int64_t last_epoch = -1;
};

/// A smaller rate for the first epochs.
///
///     bolt::optim::ConstantLR schedule(sgd, {.factor = 0.5});
class TORCHBOLT_API ConstantLR final : public Schedule {
 public:
  /// Throws ConfigError naming the option.
  ConstantLR(OptimizerRef optimizer, ConstantLROptions options = {});
  std::string_view name() const override { return "ConstantLR"; }

 private:
  void get_lr(std::vector<double>& lrs) override;
  void get_closed_form_lr(std::vector<double>& lrs) override;
  void save(State& state) const override;
  void load(const State& state) override;

  ConstantLROptions options_;
};

}  // namespace bolt::optim
