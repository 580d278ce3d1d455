#pragma once

#include <torchbolt/export.h>
#include <torchbolt/optim/schedule.h>
#include <torchbolt/optim/schedules/lr_lambda.h>

namespace bolt::optim {

/// Settings of MultiplicativeLR; names and defaults are Python's.
struct MultiplicativeLROptions {
  /// What the last rate is multiplied by, as a function of the epoch; must be
  /// set.
  LRLambda lr_lambda{};
  /// Where it goes on; -1 begins.
  int64_t last_epoch = -1;
};

/// The last rate times a function of the epoch.
///
///     bolt::optim::MultiplicativeLR schedule(sgd, {
///         .lr_lambda = [](int64_t epoch) { return epoch < 5 ? 1 : 0.95; }});
class TORCHBOLT_API MultiplicativeLR final : public Schedule {
 public:
  /// Throws ConfigError without a function, or one for each group.
  MultiplicativeLR(OptimizerRef optimizer, MultiplicativeLROptions options);
  std::string_view name() const override { return "MultiplicativeLR"; }

 private:
  void get_lr(std::vector<double>& lrs) override;
  void save(State& state) const override;

  LRLambda lr_lambda_;
};

}  // namespace bolt::optim
