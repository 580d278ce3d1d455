#pragma once

#include <torchbolt/export.h>
#include <torchbolt/optim/anneal.h>
#include <torchbolt/optim/schedule.h>

#include <optional>

namespace bolt::optim {

/// Settings of WarmupLR, and of the functions that make one: `warmup_cosine`,
/// `warmup_linear`, `warmup_stable_decay`.
struct WarmupLROptions {
  /// Steps in which the rate goes up in a straight line; 0: none.
  int64_t warmup_steps = 0;
  /// The same as a share of all steps, 0 to 1; instead of warmup_steps.
  std::optional<double> warmup_ratio{};
  /// All steps, warm-up and decay included. None: the Trainer says it, from
  /// `estimated_stepping_batches()`.
  std::optional<int64_t> total_steps{};
  /// The last steps, in which the rate goes down; none: all after the warm-up
  /// (`warmup_stable_decay`: a tenth of all).
  std::optional<int64_t> decay_steps{};
  /// The same as a share of all steps, 0 to 1; instead of decay_steps.
  std::optional<double> decay_ratio{};
  /// The form of the decay; none: what the function's name says, a straight
  /// line in `warmup_stable_decay`, else a cosine.
  std::optional<AnnealStrategy> decay{};
  /// What the rate is multiplied by at the first step of the warm-up; 0 to 1.
  double start_factor = 0;
  /// What it is multiplied by at the end, and from there on; 0 to 1.
  double end_factor = 0;
};

/// Warm-up, then the whole rate, then decay: what large models are trained
/// with. Steps after every batch; at step t the rate is the first one times
///
///     start_factor + (1 - start_factor) * t / warmup_steps    in the warm-up,
///     1                                                       between,
///     end_factor + (1 - end_factor) * (1 + cos(pi * share)) / 2, or
///     1 - (1 - end_factor) * share                            in the decay
///
/// (Loshchilov and Hutter 2017 for the cosine; Hu et al. 2024, "MiniCPM", for
/// warm-up, stable, decay). `warmup_cosine` and its siblings make one with its
/// config in one line.
///
///     bolt::optim::WarmupLR schedule(adamw, {.warmup_steps = 500,
///                                            .total_steps = 10000});
class TORCHBOLT_API WarmupLR final : public Schedule {
 public:
  /// Throws ConfigError naming the option.
  WarmupLR(OptimizerRef optimizer, WarmupLROptions options);
  std::string_view name() const override { return "WarmupLR"; }

  /// Throws ConfigError while it doesn't know how many steps there are.
  void step() override;
  bool needs_total_steps() const override { return !options_.total_steps; }
  /// Begins, where it waited for that. Warns when the warm-up alone is longer.
  void set_total_steps(int64_t steps) override;
  /// All steps; none while that isn't known.
  std::optional<int64_t> total_steps() const { return options_.total_steps; }

 private:
  void begin();
  AnnealStrategy decay() const {
    return options_.decay.value_or(AnnealStrategy::kCos);
  }
  double factor() const;
  void get_lr(std::vector<double>& lrs) override;
  void save(State& state) const override;
  void load(const State& state) override;

  WarmupLROptions options_;
  int64_t warmup_steps_ = 0;
  int64_t decay_steps_ = 0;
};

}  // namespace bolt::optim
