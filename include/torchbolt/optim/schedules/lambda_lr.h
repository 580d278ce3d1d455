#pragma once

#include <torchbolt/export.h>
#include <torchbolt/optim/schedule.h>
#include <torchbolt/optim/schedules/lr_lambda.h>

namespace bolt::optim {

/// Settings of LambdaLR; names and defaults are Python's.
struct LambdaLROptions {
  /// What the first rate is multiplied by, as a function of the epoch; must be
  /// set.
  LRLambda lr_lambda{};
  /// Where it goes on; -1 begins.
  int64_t last_epoch = -1;
};

/// The first rate times a function of the epoch.
///
///     bolt::optim::LambdaLR schedule(sgd, {
///         .lr_lambda = [](int64_t epoch) { return 1.0 / (1 + epoch); }});
class TORCHBOLT_API LambdaLR final : public Schedule {
 public:
  /// Throws ConfigError without a function, or one for each group.
  LambdaLR(OptimizerRef optimizer, LambdaLROptions options);
  std::string_view name() const override { return "LambdaLR"; }

 private:
  void get_lr(std::vector<double>& lrs) override;
  void save(State& state) const override;

  LRLambda lr_lambda_;
};

}  // namespace bolt::optim
