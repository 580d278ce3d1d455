#pragma once

#include <torchbolt/export.h>
#include <torchbolt/state/state.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

namespace torch::optim {
class Optimizer;
}

namespace bolt::optim {

/// What schedules keep with each parameter group beside its options, under the
/// names that Python has in the group itself: "initial_lr", "max_lr", "min_lr",
/// "max_momentum", "base_momentum", "swa_lr". So several schedules on one
/// optimizer know where it began. torchbolt's optimizers hold these values and
/// save them. For torch's, which have no place for them, they live as long as
/// any object of this class (thus any schedule) of that optimizer.
///
/// Different optimizers may be used from different threads.
///
///     // A schedule that goes on at epoch 5 wants to know the first rate.
///     bolt::optim::GroupExtras extras(*sgd);
///     extras.set(0, "initial_lr", 0.1);
///     bolt::optim::StepLR schedule(sgd, {.step_size = 3, .last_epoch = 5});
class TORCHBOLT_API GroupExtras {
 public:
  explicit GroupExtras(torch::optim::Optimizer& optimizer);

  /// The values of a group, a map; for what saves an optimizer.
  State& operator[](std::size_t group);
  std::optional<double> find(std::size_t group, std::string_view name);
  void set(std::size_t group, std::string_view name, double value);

 private:
  struct Table;

  std::shared_ptr<Table> table_;
};

}  // namespace bolt::optim
