#pragma once

#include <torchbolt/export.h>
#include <torchbolt/optim/schedule.h>

namespace bolt::optim {

/// Settings of PolynomialLR; names and defaults are Python's.
struct PolynomialLROptions {
  /// Epochs until the rate is 0.
  int64_t total_iters = 5;
  /// 1 is a straight line.
  double power = 1;
  /// Where it goes on; -1 begins.
  int64_t last_epoch = -1;
};

/// Brings the rate to 0 as (1 - epoch / total_iters)^power.
///
///     bolt::optim::PolynomialLR schedule(sgd, {.total_iters = 90,
///                                              .power = 2});
class TORCHBOLT_API PolynomialLR final : public Schedule {
 public:
  /// Throws ConfigError naming the option.
  PolynomialLR(OptimizerRef optimizer, PolynomialLROptions options = {});
  std::string_view name() const override { return "PolynomialLR"; }

 private:
  void get_lr(std::vector<double>& lrs) override;
  void get_closed_form_lr(std::vector<double>& lrs) override;
  void save(State& state) const override;
  void load(const State& state) override;

  PolynomialLROptions options_;
};

}  // namespace bolt::optim
