#pragma once

#include <torchbolt/export.h>
#include <torchbolt/optim/schedule.h>

namespace bolt::optim {

/// Settings of CosineAnnealingLR; names and defaults are Python's.
struct CosineAnnealingLROptions {
  /// Epochs from the highest rate to the lowest; must be set. Python's T_max.
  int64_t t_max = 0;
  /// The lowest rate.
  double eta_min = 0;
  /// Where it goes on; -1 begins.
  int64_t last_epoch = -1;
};

/// Half a cosine from the first rate down to eta_min in t_max epochs, and up
/// again in the next t_max (Loshchilov and Hutter 2017, without restarts).
///
///     bolt::optim::CosineAnnealingLR schedule(adamw, {.t_max = 100});
class TORCHBOLT_API CosineAnnealingLR final : public Schedule {
 public:
  /// Throws ConfigError naming the option.
  CosineAnnealingLR(OptimizerRef optimizer, CosineAnnealingLROptions options);
  std::string_view name() const override { return "CosineAnnealingLR"; }

 private:
  void get_lr(std::vector<double>& lrs) override;
  void get_closed_form_lr(std::vector<double>& lrs) override;
  void save(State& state) const override;
  void load(const State& state) override;

  CosineAnnealingLROptions options_;
};

}  // namespace bolt::optim
