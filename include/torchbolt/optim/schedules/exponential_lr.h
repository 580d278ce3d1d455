#pragma once

#include <torchbolt/export.h>
#include <torchbolt/optim/schedule.h>

#include <optional>

namespace bolt::optim {

/// Settings of ExponentialLR; names and defaults are Python's.
struct ExponentialLROptions {
  /// Each epoch multiplies the rate by it; must be set.
  std::optional<double> gamma{};
  /// Where it goes on; -1 begins.
  int64_t last_epoch = -1;
};

/// Multiplies the rate by gamma every epoch.
///
///     bolt::optim::ExponentialLR schedule(sgd, {.gamma = 0.95});
class TORCHBOLT_API ExponentialLR final : public Schedule {
 public:
  /// Throws ConfigError without a gamma.
  ExponentialLR(OptimizerRef optimizer, ExponentialLROptions options);
  std::string_view name() const override { return "ExponentialLR"; }

 private:
  void get_lr(std::vector<double>& lrs) override;
  void get_closed_form_lr(std::vector<double>& lrs) override;
  void save(State& state) const override;
  void load(const State& state) override;

  double gamma_;
};

}  // namespace bolt::optim
