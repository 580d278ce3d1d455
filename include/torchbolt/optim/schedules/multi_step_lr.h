#pragma once

#include <torchbolt/export.h>
#include <torchbolt/optim/schedule.h>

#include <map>

namespace bolt::optim {

/// Settings of MultiStepLR; names and defaults are Python's.
struct MultiStepLROptions {
  /// Epochs of the changes, in order; one that stands twice counts twice.
  std::vector<int64_t> milestones{};
  /// Each change multiplies the rate by it.
  double gamma = 0.1;
  /// Where it goes on; -1 begins.
  int64_t last_epoch = -1;
};

/// Multiplies the rate by gamma at each milestone.
///
///     bolt::optim::MultiStepLR schedule(sgd, {.milestones = {30, 80}});
class TORCHBOLT_API MultiStepLR final : public Schedule {
 public:
  /// Throws ConfigError for milestones out of order or negative.
  MultiStepLR(OptimizerRef optimizer, MultiStepLROptions options);
  std::string_view name() const override { return "MultiStepLR"; }

 private:
  void get_lr(std::vector<double>& lrs) override;
  void get_closed_form_lr(std::vector<double>& lrs) override;
  void save(State& state) const override;
  void load(const State& state) override;

  // How often each stands there.
  std::map<int64_t, int64_t> milestones_{};
  double gamma_;
};

}  // namespace bolt::optim
