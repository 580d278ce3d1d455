#pragma once

#include <torchbolt/export.h>
#include <torchbolt/optim/anneal.h>
#include <torchbolt/optim/per_group.h>
#include <torchbolt/optim/schedule.h>

#include <optional>

namespace bolt::optim {

/// Settings of OneCycleLR; names and defaults are Python's.
struct OneCycleLROptions {
  /// The highest rate; must be set.
  PerGroup max_lr{};
  /// Steps of the cycle; none: epochs * steps_per_epoch.
  std::optional<int64_t> total_steps{};
  std::optional<int64_t> epochs{};
  std::optional<int64_t> steps_per_epoch{};
  /// Share of the cycle in which the rate goes up; 0 to 1.
  double pct_start = 0.3;
  AnnealStrategy anneal_strategy = AnnealStrategy::kCos;
  /// Whether momentum, or the first beta, goes the other way.
  bool cycle_momentum = true;
  PerGroup base_momentum = 0.85;
  PerGroup max_momentum = 0.95;
  /// The first rate is max_lr / div_factor.
  double div_factor = 25;
  /// The last rate is the first one / final_div_factor.
  double final_div_factor = 1e4;
  /// Goes down as it went up, and only then to the last rate.
  bool three_phase = false;
  /// Where it goes on; -1 begins.
  int64_t last_epoch = -1;
};

/// One cycle over the whole run: the rate goes up to max_lr and then far down;
/// momentum goes the other way (Smith and Topin 2018). Steps after every batch.
/// Stepping more often than total_steps throws ConfigError.
///
///     bolt::optim::OneCycleLR schedule(sgd, {.max_lr = 0.1,
///                                            .total_steps = 1000});
class TORCHBOLT_API OneCycleLR final : public Schedule {
 public:
  /// Throws ConfigError naming the option; also when cycle_momentum is on and
  /// the optimizer has none.
  OneCycleLR(OptimizerRef optimizer, OneCycleLROptions options);
  std::string_view name() const override { return "OneCycleLR"; }

 private:
  // What a phase goes from and to; names of the groups' extras.
  struct Phase {
    double end_step = 0;
    const char* start_lr = "";
    const char* end_lr = "";
    const char* start_momentum = "";
    const char* end_momentum = "";
  };

  void make_phases(const OneCycleLROptions& options);
  void prepare_groups(const OneCycleLROptions& options);
  double between(std::size_t group, const char* start, const char* end,
                 double share);
  void get_lr(std::vector<double>& lrs) override;
  void save(State& state) const override;
  void load(const State& state) override;
  // Its rates are those of the options.
  void rebase(const std::vector<double>&) override {}

  int64_t total_steps_ = 0;
  std::vector<Phase> phases_{};
  AnnealStrategy strategy_;
  bool cycle_momentum_;
  bool use_beta1_ = false;
};

}  // namespace bolt::optim
