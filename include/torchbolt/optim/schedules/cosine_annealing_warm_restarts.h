#pragma once

#include <torchbolt/export.h>
#include <torchbolt/optim/schedule.h>

namespace bolt::optim {

/// Settings of CosineAnnealingWarmRestarts; names and defaults are Python's.
struct CosineAnnealingWarmRestartsOptions {
  /// Epochs until the first restart; must be set. Python's T_0.
  int64_t t_0 = 0;
  /// Each period is that many times as long as the one before. Python's T_mult.
  int64_t t_mult = 1;
  /// The lowest rate.
  double eta_min = 0;
  /// Where it goes on; -1 begins.
  int64_t last_epoch = -1;
};

/// Half a cosine down to eta_min, then up to the first rate at once, and so on:
/// SGDR (Loshchilov and Hutter 2017).
///
///     bolt::optim::CosineAnnealingWarmRestarts schedule(sgd, {.t_0 = 10,
///                                                             .t_mult = 2});
class TORCHBOLT_API CosineAnnealingWarmRestarts final : public Schedule {
 public:
  /// Throws ConfigError naming the option.
  CosineAnnealingWarmRestarts(OptimizerRef optimizer,
                              CosineAnnealingWarmRestartsOptions options);
  std::string_view name() const override {
    return "CosineAnnealingWarmRestarts";
  }

  void step() override;
  /// Goes to any epoch, also between two: `step(epoch + batch / batches)`.
  /// Throws ConfigError for a negative one.
  void step(double epoch);

 private:
  void get_lr(std::vector<double>& lrs) override;
  void save(State& state) const override;
  void load(const State& state) override;

  int64_t t_0_;
  int64_t t_mult_;
  double eta_min_;
  // Epochs since the last restart, and from it to the next.
  double t_cur_;
  int64_t t_i_;
};

}  // namespace bolt::optim
