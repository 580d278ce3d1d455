#pragma once

#include <torchbolt/export.h>
#include <torchbolt/state/state.h>

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace torch::optim {
class Optimizer;
}

namespace bolt::optim {

class Optimizer;

/// What a schedule keeps with each parameter group beside its options, under
/// the names that Python has in the group itself: "initial_lr", "max_lr",
/// "min_lr", "max_momentum", "base_momentum", "swa_lr". torchbolt's optimizers
/// hold these values and save them (`Optimizer::extras`), so that all schedules
/// of one know where it began. torch's have no place for them: there each
/// schedule has its own.
class TORCHBOLT_API GroupExtras {
 public:
  /// Of an optimizer that outlives it.
  explicit GroupExtras(torch::optim::Optimizer& optimizer);

  /// Whether the optimizer keeps them, and other schedules see them.
  bool shared() const { return optimizer_ != nullptr; }
  /// The value of a group; none where there is none.
  std::optional<double> find(std::size_t group, std::string_view name) const;
  /// Sets the value of a group.
  void set(std::size_t group, std::string_view name, double value);

 private:
  Optimizer* optimizer_;  // null: one of torch's
  std::vector<State> own_{};
};

}  // namespace bolt::optim
