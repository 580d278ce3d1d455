#pragma once

#include <torchbolt/export.h>
#include <torchbolt/optim/schedules/composite_schedule.h>

namespace bolt::optim {

/// Settings of ChainedScheduler; names and defaults are Python's.
struct ChainedSchedulerOptions {
  /// At least one; each goes on from what the one before it made.
  std::vector<SharedSchedule> schedulers{};
};

/// Schedules at the same time, each on top of the one before it.
///
///     bolt::optim::ChainedScheduler schedule(sgd, {
///         .schedulers = {bolt::optim::ConstantLR(sgd, {.factor = 0.1}),
///                        bolt::optim::ExponentialLR(sgd, {.gamma = 0.9})}});
class TORCHBOLT_API ChainedScheduler final : public CompositeSchedule {
 public:
  /// Throws ConfigError for no schedules, and for those of another optimizer.
  ChainedScheduler(OptimizerRef optimizer, ChainedSchedulerOptions options);
  std::string_view name() const override { return "ChainedScheduler"; }

  void step() override;

 private:
  void save(State& state) const override;
  void load(const State& state) override;
  void undo() override;
  void restart() override;
};

}  // namespace bolt::optim
