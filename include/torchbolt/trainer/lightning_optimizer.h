#pragma once

#include <ATen/core/Tensor.h>
#include <torchbolt/export.h>
#include <torchbolt/trainer/toggled_optimizer.h>

#include <functional>
#include <string>
#include <utility>

namespace torch::optim {
class Optimizer;
}

namespace bolt {

namespace detail {
class ManualOptimization;
}

/// An optimizer of the fit, as manual optimization uses it: its steps are
/// counted and run the hooks, and it goes wherever torch's optimizer does. A
/// handle: copy it freely, use it during the fit only.
///
///     auto gen = optimizer("gen");
///     gen.zero_grad();
///     manual_backward(loss);
///     gen.step();
class TORCHBOLT_API LightningOptimizer {
 public:
  /// `Module::optimizer` makes it.
  LightningOptimizer(detail::ManualOptimization& loop,
                     torch::optim::Optimizer& optimizer, std::string name)
      : loop_(&loop), optimizer_(&optimizer), name_(std::move(name)) {}

  /// One step. `closure` computes the loss and calls `manual_backward`; the
  /// optimizer calls it, LBFGS several times. Gives back what the closure gave
  /// first. Inside `training_step` it counts as one global step. Throws
  /// ConfigError for an LBFGS without a closure.
  at::Tensor step(const std::function<at::Tensor()>& closure = {}) const;
  /// Lets go of the gradients.
  void zero_grad() const;
  /// `Module::toggled_optimizer`. `sync_grad = false` also keeps the gradients
  /// from being exchanged between processes.
  [[nodiscard]] ToggledOptimizer toggle_model(bool sync_grad = true) const;

  /// torch's optimizer. Steps that are made on it itself aren't counted.
  torch::optim::Optimizer& optimizer() const { return *optimizer_; }
  /// The same, where one is asked for.
  operator torch::optim::Optimizer&() const { return *optimizer_; }
  /// The name that `configure_optimizers` gave it; empty without one.
  const std::string& name() const { return name_; }

 private:
  detail::ManualOptimization* loop_;
  torch::optim::Optimizer* optimizer_;
  std::string name_;
};

}  // namespace bolt
