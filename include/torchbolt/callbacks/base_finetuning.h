#pragma once

#include <ATen/core/Tensor.h>
#include <torchbolt/export.h>
#include <torchbolt/trainer/callback.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace torch::nn {
class Module;
}

namespace bolt {

/// How `unfreeze_and_add_param_group` adds a group.
struct UnfreezeOptions {
  /// Learning rate of the new group; none: that of the first, divided by
  /// `initial_denom_lr`.
  std::optional<double> lr{};
  double initial_denom_lr = 10;
  /// Whether the group gets the parameters of batch normalizations too.
  bool train_bn = true;
};

/// Base of callbacks that train parts of a module at first, and more of it
/// later. Override the two functions; the optimizer in `configure_optimizers`
/// gets the parameters that have `requires_grad()`, or those of the parts that
/// are never frozen.
///
///     struct Later : bolt::BaseFinetuning {
///       void freeze_before_training(bolt::Module& module) override {
///         freeze(*module.named_children()["features"]);
///       }
///       void finetune_function(bolt::Module& module, int64_t epoch,
///                              torch::optim::Optimizer& optimizer) override {
///         if (epoch != 5) return;
///         unfreeze_and_add_param_group(*module.named_children()["features"],
///                                      optimizer);
///       }
///     };
///
/// Its state names the groups that were added and what is frozen, so that a run
/// that goes on has both before the optimizer's own state is loaded. What a
/// derived class keeps besides goes into `state()` next to the base's.
class TORCHBOLT_API BaseFinetuning : public Callback {
 public:
  /// Freezes what isn't trained at first. Called before
  /// `configure_optimizers`.
  virtual void freeze_before_training(Module& module) = 0;
  /// Called as each epoch starts, once for each optimizer.
  virtual void finetune_function(Module& module, int64_t epoch,
                                 torch::optim::Optimizer& optimizer) = 0;

  void setup(Trainer&, Module& module, Stage stage) override;
  /// Throws CheckpointError when the state that was loaded is another module's.
  void on_fit_start(Trainer& trainer, Module& module) override;
  void on_train_epoch_start(Trainer& trainer, Module& module) override;
  void on_exception(Trainer&, Module&, std::exception_ptr) override;
  void teardown(Trainer&, Module&, Stage stage) override;
  State state() const override;
  void load_state(const State& state) override;

 protected:
  /// Turns off the gradients of a module and all below it. With `train_bn`,
  /// batch normalizations stay as they are trained; without it, their running
  /// statistics stand still too.
  void freeze(torch::nn::Module& module, bool train_bn = true);
  /// The reverse.
  void make_trainable(torch::nn::Module& module);
  /// Parameters of a module and all below it that do (or don't) get gradients;
  /// without `train_bn`, none of batch normalizations.
  static std::vector<at::Tensor> filter_params(torch::nn::Module& module,
                                               bool train_bn = true,
                                               bool requires_grad = true);
  /// Makes the module trainable, and gives its parameters to the optimizer as a
  /// new group; those that the optimizer has already are left out, with a
  /// warning.
  void unfreeze_and_add_param_group(torch::nn::Module& module,
                                    torch::optim::Optimizer& optimizer,
                                    const UnfreezeOptions& options = {});

  /// Whether the fit that starts goes on from a state that was loaded.
  bool restarting() const { return restarting_; }

 private:
  struct Group {
    std::vector<std::string> names{};
    double lr = 0;
  };
  using Groups = std::vector<Group>;

  Groups groups_of(torch::optim::Optimizer& optimizer, Module& module) const;
  void restore_groups(torch::optim::Optimizer& optimizer, Module& module,
                      const Groups& saved) const;
  void restore_frozen(Module& module);

  // Of each optimizer.
  std::vector<Groups> groups_{};
  std::vector<std::string> frozen_{};
  // Of batch normalizations that stand still.
  std::map<torch::nn::Module*, std::optional<double>> momenta_{};
  bool restarting_ = false;
};

}  // namespace bolt
