#pragma once

#include <torchbolt/export.h>
#include <torchbolt/optim/per_group.h>
#include <torchbolt/optim/schedule.h>

#include <functional>
#include <optional>

namespace bolt::optim {

/// How the height of the cycles changes.
enum class CyclicMode {
  kTriangular,   ///< It doesn't.
  kTriangular2,  ///< Each cycle is half as high as the one before.
  kExpRange,     ///< It is multiplied by gamma at each step.
};

/// What the height depends on.
enum class ScaleMode { kCycle, kIterations };

/// Settings of CyclicLR; names and defaults are Python's.
struct CyclicLROptions {
  /// The lowest rate, and the first one; must be set.
  PerGroup base_lr{};
  /// The highest rate; must be set.
  PerGroup max_lr{};
  /// Steps up.
  int64_t step_size_up = 2000;
  /// Steps down; none: as many as up.
  std::optional<int64_t> step_size_down{};
  CyclicMode mode = CyclicMode::kTriangular;
  /// For kExpRange.
  double gamma = 1;
  /// The height as a function of the cycle's number, from 1 on, or of the step,
  /// as scale_mode says; takes the place of mode.
  std::function<double(double)> scale_fn{};
  /// For scale_fn.
  ScaleMode scale_mode = ScaleMode::kCycle;
  /// Whether momentum, or the first beta, goes the other way.
  bool cycle_momentum = true;
  PerGroup base_momentum = 0.8;
  PerGroup max_momentum = 0.9;
  /// Where it goes on; -1 begins.
  int64_t last_epoch = -1;
};

/// The rate goes up and down between two bounds in straight lines (Smith 2017).
/// Steps after every batch.
///
///     bolt::optim::CyclicLR schedule(sgd, {.base_lr = 0.001, .max_lr = 0.1,
///                                          .step_size_up = 500});
class TORCHBOLT_API CyclicLR final : public Schedule {
 public:
  /// Throws ConfigError naming the option; also when cycle_momentum is on and
  /// the optimizer has none.
  CyclicLR(OptimizerRef optimizer, CyclicLROptions options);
  std::string_view name() const override { return "CyclicLR"; }

 private:
  double scale(double cycle) const;
  void get_lr(std::vector<double>& lrs) override;
  void save(State& state) const override;
  void load(const State& state) override;
  // Its rates are those of the options.
  void rebase(const std::vector<double>&) override {}

  std::vector<double> max_lrs_{};
  double total_size_ = 0;
  double step_ratio_ = 0;
  CyclicMode mode_;
  double gamma_;
  std::function<double(double)> scale_fn_;
  ScaleMode scale_mode_;
  bool cycle_momentum_;
  bool use_beta1_ = false;
  std::vector<double> base_momentums_{};
  std::vector<double> max_momentums_{};
};

}  // namespace bolt::optim
