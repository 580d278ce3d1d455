#pragma once

#include <torchbolt/export.h>

#include <memory>
#include <type_traits>
#include <utility>

namespace torch::optim {
class Optimizer;
}

namespace bolt::optim {

/// The optimizer that a schedule changes: shared, or a reference to one that
/// outlives the schedule and isn't moved meanwhile. Made implicitly:
///
///     auto sgd = std::make_shared<torch::optim::SGD>(parameters(), 0.1);
///     bolt::optim::StepLR shared(sgd, {.step_size = 10});
///     bolt::optim::StepLR by_reference(*sgd, {.step_size = 10});
class TORCHBOLT_API OptimizerRef {
 public:
  OptimizerRef(torch::optim::Optimizer& optimizer) : optimizer_(&optimizer) {}
  /// Throws ConfigError for a null pointer.
  template <class O>
    requires std::is_base_of_v<torch::optim::Optimizer, O>
  OptimizerRef(std::shared_ptr<O> optimizer)
      : owner_(std::move(optimizer)), optimizer_(checked(owner_.get())) {}

  torch::optim::Optimizer& operator*() const { return *optimizer_; }
  torch::optim::Optimizer* operator->() const { return optimizer_; }
  torch::optim::Optimizer* get() const { return optimizer_; }

 private:
  static torch::optim::Optimizer* checked(torch::optim::Optimizer* optimizer);

  // Shared with the user and the Trainer; null for a reference.
  std::shared_ptr<torch::optim::Optimizer> owner_{};
  torch::optim::Optimizer* optimizer_;
};

}  // namespace bolt::optim
