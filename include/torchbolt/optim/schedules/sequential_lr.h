#pragma once

#include <torchbolt/export.h>
#include <torchbolt/optim/schedules/composite_schedule.h>

namespace bolt::optim {

/// Settings of SequentialLR; names and defaults are Python's.
struct SequentialLROptions {
  /// One after the other; at least one.
  std::vector<SharedSchedule> schedulers{};
  /// The epochs at which the second, third, … begins; one fewer than schedules.
  std::vector<int64_t> milestones{};
  /// Where it goes on; -1 begins.
  int64_t last_epoch = -1;
};

/// Schedules one after the other.
///
///     bolt::optim::SequentialLR schedule(sgd, {
///         .schedulers = {bolt::optim::LinearLR(sgd, {.total_iters = 5}),
///                        bolt::optim::ExponentialLR(sgd, {.gamma = 0.9})},
///         .milestones = {5}});
class TORCHBOLT_API SequentialLR final : public CompositeSchedule {
 public:
  /// Throws ConfigError for no schedules, those of another optimizer, and
  /// milestones that are too few, too many or out of order.
  SequentialLR(OptimizerRef optimizer, SequentialLROptions options);
  std::string_view name() const override { return "SequentialLR"; }

  void step() override;

 private:
  void save(State& state) const override;
  void load(const State& state) override;
  void undo() override;
  void restart() override;

  std::vector<int64_t> milestones_;
};

}  // namespace bolt::optim
